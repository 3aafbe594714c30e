import { describe, expect, it } from 'vitest';
import type { OwnerObject } from '../../../src/kube/owner-objects.ts';
import { detectWorkload } from '../../../src/workloads/index.ts';
import type { OwnerFacts } from '../../../src/workloads/owner-facts.ts';
import { runningPod } from '../../fixtures/objects.ts';
import { deployment, type OwnerParts, podOf, statefulSet } from '../../fixtures/owners.ts';

const HASH = { 'pod-template-hash': '5d4' };
const REVISION = { 'deployment.kubernetes.io/revision': '1' };

function facts(parts: Partial<OwnerFacts>): OwnerFacts {
  return {
    pod: runningPod(),
    namespaces: { source: 'shop', target: 'shop' },
    contexts: { source: 'east', target: 'west' },
    sameCluster: false,
    ignoreManagers: false,
    overwrite: [],
    renamed: false,
    owners: [],
    above: undefined,
    siblings: [],
    autoscalers: [],
    budgets: [],
    inTarget: { owner: undefined, pods: [] },
    ...parts,
  };
}

function seen(owner: OwnerObject): OwnerObject {
  const { metadata } = owner;
  return { ...owner, metadata: { uid: `uid-${metadata.name}`, generation: 1, resourceVersion: '7', ...metadata } };
}

function ofDeployment(parts: OwnerParts = {}, others: Partial<OwnerFacts> = {}): OwnerFacts {
  const owner = seen(deployment({ ...parts, metadata: { annotations: REVISION, ...parts.metadata } }));
  const replicaSet = seen({
    ...owner,
    kind: 'ReplicaSet',
    metadata: { name: 'cart-5d4', annotations: REVISION },
    spec: { ...owner.spec, selector: { matchLabels: { app: 'cart', ...HASH } } },
  });
  return facts({ pod: podOf(replicaSet, HASH), owners: [replicaSet, owner], ...others });
}

function ofStatefulSet(ordinal: number, parts: OwnerParts = {}, others: Partial<OwnerFacts> = {}): OwnerFacts {
  const owner = seen(statefulSet({ ...parts, status: { updateRevision: 'cart-r1', ...parts.status } }));
  const pod = podOf(owner, { 'controller-revision-hash': 'cart-r1' });
  return facts({ pod: { ...pod, metadata: { ...pod.metadata, name: `cart-${ordinal}` } }, owners: [owner], ...others });
}

function codes(of: OwnerFacts, letter = 'E'): string[] {
  const detection = detectWorkload(of);
  const findings = 'declined' in detection ? detection.declined : detection.findings;
  return findings.map(({ code }) => code).filter((code) => code.startsWith(letter));
}

function usable(of: OwnerFacts) {
  const detection = detectWorkload(of);
  if ('declined' in detection) throw new Error(JSON.stringify(detection.declined));
  return detection.usable;
}

describe('whose pod it is', () => {
  it('a pod of nobody’s is a bare pod', () => {
    expect(detectWorkload(facts({}))).toEqual({ usable: { kind: 'bare-pod' }, findings: [] });
  });

  it.each(['DaemonSet', 'Job', 'Rollout'])('a pod of a %s is declined, with why', (kind) => {
    const detection = detectWorkload(facts({ pod: podOf({ kind, metadata: { name: 'x' } }) }));
    expect(detection).toEqual({
      declined: [expect.objectContaining({ code: 'E121', what: `pod cart-0 belongs to ${kind} x` })],
    });
  });

  it('a pod of a Deployment is handed over by its ReplicaSet’s label', () => {
    expect(usable(ofDeployment({ replicas: 3 }))).toMatchObject({
      kind: 'deployment',
      replicas: 3,
      replicaSet: 'cart-5d4',
      withheld: ['pod-template-hash'],
      inTarget: { what: 'create', manifest: { spec: { replicas: 0 } } },
    });
  });

  it('an owner of that name in the target takes the pod in', () => {
    const there = seen(deployment({ replicas: 2 }));
    const planned = usable(ofDeployment({}, { inTarget: { owner: there, pods: [] } }));
    expect(planned).toMatchObject({ inTarget: { what: 'join', replicas: 2 } });
  });
});

describe('a StatefulSet', () => {
  it.each([
    [0, 1, undefined],
    [2, 3, undefined],
    [0, 3, undefined],
    [1, 2, { replicas: 1, spec: { ordinals: { start: 2 } } }],
    [2, 3, { replicas: 2 }],
    [1, 2, { replicas: 0 }],
  ])('gives up ordinal %i of %i to a target with %j', (ordinal, replicas, there) => {
    const owner = there && seen(statefulSet(there));
    expect(usable(ofStatefulSet(ordinal, { replicas }, { inTarget: { owner, pods: [] } }))).toMatchObject({ ordinal });
  });

  it('cannot give up an ordinal in the middle, nor take one in that leaves a gap', () => {
    expect(codes(ofStatefulSet(1, { replicas: 3 }))).toEqual(['E126']);
    const owner = seen(statefulSet({ replicas: 1 }));
    expect(codes(ofStatefulSet(2, { replicas: 3 }, { inTarget: { owner, pods: [] } }))).toEqual(['E126']);
  });

  it('of which the pod is an older revision is declined', () => {
    expect(codes(ofStatefulSet(0, { status: { updateRevision: 'cart-r2' } }))).toEqual(['E122']);
  });
});

describe('an owner is declined', () => {
  it.each<readonly [string, string, OwnerFacts]>([
    ['that is paused', 'E122', ofDeployment({ spec: { paused: true } })],
    ['that is rolling out', 'E122', ofDeployment({ replicas: 3, status: { updatedReplicas: 1 } })],
    ['whose controller has not seen it yet', 'E122', ofDeployment({ metadata: { generation: 2 } })],
    [
      'that another migration holds',
      'E122',
      ofDeployment({ metadata: { labels: { 'kubectl-migrate.io/migration': 'm-x' } } }),
    ],
    ['with a pod that is not ready', 'E123', ofDeployment({}, { siblings: [{ ...runningPod(), status: {} }] })],
    ['of an operator', 'E125', ofDeployment({}, { above: { apiVersion: 'x/v1', kind: 'Shop', name: 's', uid: 'u' } })],
    [
      'that differs in the target',
      'E111',
      ofDeployment({}, { inTarget: { owner: seen(deployment({ spec: { minReadySeconds: 9 } })), pods: [] } }),
    ],
    [
      'whose pods are in the target already',
      'E121',
      ofDeployment(
        {},
        { inTarget: { owner: undefined, pods: [runningPod({ metadata: { labels: { app: 'cart', ...HASH } } })] } },
      ),
    ],
  ])('%s', (_name, code, of) => {
    expect(codes(of)).toEqual([code]);
  });

  it.each([
    [3, 3, ['E124']],
    [3, 2, []],
    [1, 1, []],
  ])('with %i replicas when an autoscaler keeps %i: %j', (replicas, minReplicas, expected) => {
    const spec = { scaleTargetRef: { kind: 'Deployment', name: 'cart' }, minReplicas, maxReplicas: 9 };
    const autoscaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' }, spec };
    const of = ofDeployment({ replicas }, { autoscalers: [autoscaler] });
    expect(codes(of)).toEqual(expected);
    expect(codes(of, 'W')).toEqual(expected.length > 0 ? ['W205'] : ['W205', 'W206']);
  });
});

describe('an owner that is described elsewhere', () => {
  const written = (manager: string, spec: object) => ({
    managedFields: [{ manager, operation: 'Apply', fieldsV1: { 'f:spec': spec } }],
  });
  const replicas = { 'f:replicas': {} };

  it.each<readonly [string, OwnerParts['metadata'], string[]]>([
    ['Argo CD, by its annotation', { annotations: { ...REVISION, 'argocd.argoproj.io/tracking-id': 'a' } }, ['E125']],
    ['Argo CD, by its field manager', written('argocd-controller', replicas), ['E125']],
    ['Argo CD, which leaves the replicas to others', written('argocd-controller', { 'f:template': {} }), ['W208']],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' } }, ['E125']],
    [
      'Flux, told to leave it alone',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' },
        annotations: { ...REVISION, 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' },
      },
      ['W208'],
    ],
    ['Helm', { annotations: { ...REVISION, 'meta.helm.sh/release-name': 'shop' } }, ['W208']],
    ['a controller that nobody knows', written('shop-operator', replicas), ['W208']],
    ['a person', written('kubectl-client-side-apply', replicas), []],
    ['a controller that sets other fields', written('shop-operator', { 'f:template': {} }), []],
  ])('by %s', (_name, metadata, expected) => {
    const of = ofDeployment({ ...(metadata && { metadata }) });
    expect([...codes(of), ...codes(of, 'W')].filter((code) => code !== 'W205')).toEqual(expected);
    expect(codes({ ...of, ignoreManagers: true })).toEqual([]);
  });
});
