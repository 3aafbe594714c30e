import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../../src/domain/errors.ts';
import { describeRuntime, judgeRuntime, takesCheckpoints } from '../../../src/engines/kubelet/runtimes.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { namespace, node, runningPod } from '../../fixtures/objects.ts';
import { type Clusters, plan, twoClusters } from '../../fixtures/two-clusters.ts';

const AUTO = { engine: 'auto' } as const;
const REGISTRY = { registry: 'registry.example/checkpoints' };
const KUBELET = { engine: 'kubelet', ...REGISTRY } as const;

function forbidHelpers(clusters: Clusters, side: 'east' | 'west'): void {
  const labels = { 'pod-security.kubernetes.io/enforce': 'baseline' };
  clusters[side].seed(RESOURCES.namespace, namespace('kubectl-migrate', labels));
}

function setRuntime(clusters: Clusters, name: string, runtime: string): void {
  const cluster = name.startsWith('east') ? clusters.east : clusters.west;
  cluster.change(RESOURCES.node, undefined, name, (object) => {
    object['status'] = node(name, { runtime }).status;
  });
}

async function refusal(clusters: Clusters, parts: Parameters<typeof plan>[1]) {
  const thrown: unknown = await plan(clusters, parts).catch((error: unknown) => error);
  if (!isMigrateError(thrown)) throw new Error(`the plan was made: ${JSON.stringify(thrown)}`);
  return thrown.findings;
}

describe('the engine that is chosen', () => {
  it('is the helper where helper pods are let in, and the plan says so', async () => {
    const { engine, transfer } = await plan(twoClusters(), { ...AUTO, ...REGISTRY });
    expect(engine).toEqual({ name: 'helper', reason: 'privileged helper pods are let in on both sides' });
    expect(transfer.name).toBe('relay');
  });

  it('is kubelet where the target forbids them, and the plan says why', async () => {
    const clusters = twoClusters();
    forbidHelpers(clusters, 'west');
    const made = await plan(clusters, { ...AUTO, ...REGISTRY });
    expect(made.engine).toEqual({
      name: 'kubelet',
      reason: expect.stringMatching(/helper engine cannot: E141 .*west/),
    });
    expect(made.archive).toEqual({
      host: 'registry.example',
      repository: 'checkpoints',
      tag: 'm-test',
      architecture: 'amd64',
    });
    expect(made.warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['W210', 'W211', 'W212']));
    const inTarget = made.effects.filter(({ object }) => object.side === 'target' && object.kind === 'Pod');
    expect(new Set(inTarget.map(({ object }) => object.name))).toEqual(new Set(['pull-m-test', 'cart-0']));
  });

  it('is kubelet where this user may not run them in the target', async () => {
    const clusters = twoClusters();
    clusters.west.deny.push({ verb: 'create', group: '', resource: 'pods', namespace: 'kubectl-migrate' });
    const { engine, helper, warnings } = await plan(clusters, { ...AUTO, ...REGISTRY });
    expect(engine).toEqual({
      name: 'kubelet',
      reason:
        'the helper engine cannot: E140 you may not create pods in namespace kubectl-migrate of west; E140 you may not create pods/exec in namespace kubectl-migrate of west',
    });
    expect(helper.sides).toEqual(['source']);
    expect(warnings.map(({ code }) => code)).toContain('W212');
  });

  it('is none without a registry, which is then what is missing', async () => {
    const clusters = twoClusters();
    forbidHelpers(clusters, 'west');
    const findings = await refusal(clusters, AUTO);
    expect(findings.map(({ code }) => code)).toEqual(['E141', 'E145']);
  });

  it('is none where the source forbids them: nobody could fence it', async () => {
    const clusters = twoClusters();
    forbidHelpers(clusters, 'east');
    expect((await refusal(clusters, { ...AUTO, ...REGISTRY })).map(({ code }) => code)).toEqual(['E141']);
  });

  it('is never another than the one asked for', async () => {
    const clusters = twoClusters();
    forbidHelpers(clusters, 'west');
    expect((await refusal(clusters, { engine: 'helper', ...REGISTRY })).map(({ code }) => code)).toEqual(['E141']);
    const made = await plan(twoClusters(), KUBELET);
    expect(made.engine).toEqual({ name: 'kubelet', reason: 'asked for with --engine' });
    // The target's node is asked where that is allowed.
    expect(made.helper.sides).toEqual(['source', 'target']);
    expect(made.warnings.map(({ code }) => code)).not.toContain('W212');
  });

  it('asks for the node proxy and kubelet’s own word for a checkpoint', async () => {
    const clusters = twoClusters();
    clusters.east.deny.push({ verb: 'create', group: '', resource: 'nodes', subresource: 'proxy', name: 'east-1' });
    const missing = { verb: 'create', group: '', resource: 'nodes', subresource: 'checkpoint' };
    clusters.east.deny.push(missing);
    const found = await refusal(clusters, KUBELET);
    expect(found.map(({ what }) => what)).toEqual([
      'you may not create nodes/proxy of east',
      'you may not create nodes/checkpoint of east',
    ]);
  });
});

describe('a node whose runtime does not restore', () => {
  it('is left out with its reason, and another is chosen', async () => {
    const clusters = twoClusters();
    setRuntime(clusters, 'west-1', 'containerd://2.4.2');
    const { target, engine } = await plan(clusters, KUBELET);
    expect(target.node).toBe('west-2');
    expect(engine.reason).toMatch(/left out: node west-1 of west runs containerd 2\.4\.2.*#13871/);
  });

  it.each([
    ['containerd://2.4.2', 'E146'],
    ['containerd://2.1.8', 'E147'],
    ['cri-o://1.34.0', 'E147'],
  ])('is declined when it was asked for: %s', async (runtime, code) => {
    const clusters = twoClusters();
    setRuntime(clusters, 'west-1', runtime);
    const findings = await refusal(clusters, { ...KUBELET, targetNode: 'west-1' });
    expect(findings.map((finding) => finding.code)).toEqual([code]);
    expect((await plan(clusters, { ...AUTO, ...REGISTRY, targetNode: 'west-1' })).engine.name).toBe('helper');
  });

  it.each(['containerd://2.2.7', 'containerd://2.3.4'])(
    'unless it is configured to is asked by a helper, or declined where none is let in: %s',
    async (runtime) => {
      const request = { ...KUBELET, targetNode: 'west-1' };
      const clusters = twoClusters();
      setRuntime(clusters, 'west-1', runtime);
      const { target, engine, effects } = await plan(clusters, request);
      expect(target).toMatchObject({ node: 'west-1', restoreSetting: expect.stringContaining('restore_via_create') });
      expect(engine.reason).toMatch(/looked for on the node: enable_experimental_restore_via_create = true under/);
      expect(effects.map(({ object }) => object.name)).toContain('helper-m-test-target');

      forbidHelpers(clusters, 'west');
      const findings = await refusal(clusters, request);
      expect(findings).toMatchObject([{ code: 'E146', what: expect.stringMatching(/only with enable_.*#13913/) }]);
    },
  );

  it('unless it is configured to is chosen only where no other restores', async () => {
    const clusters = twoClusters();
    setRuntime(clusters, 'west-1', 'containerd://2.2.7');
    const { target } = await plan(clusters, KUBELET);
    expect(target).toMatchObject({ node: 'west-2' });
    expect(target).not.toHaveProperty('restoreSetting');
    setRuntime(clusters, 'west-2', 'containerd://2.4.2');
    expect((await plan(clusters, KUBELET)).target).toMatchObject({ node: 'west-1' });
  });

  it('takes no checkpoint of the source either', async () => {
    const clusters = twoClusters();
    setRuntime(clusters, 'east-1', 'containerd://1.7.28');
    const findings = await refusal(clusters, KUBELET);
    expect(findings.map(({ code }) => code)).toContain('E146');
  });
});

describe('a pod that the kubelet engine cannot move', () => {
  it.each([
    [
      'with several containers',
      runningPod({
        spec: {
          containers: [
            { name: 'app', image: 'registry.example/cart:1' },
            { name: 'b', image: 'b' },
          ],
        },
      }),
    ],
    ['with init containers', runningPod({ spec: { initContainers: [{ name: 'i', image: 'i' }] } })],
  ])('is one %s', async (_name, pod) => {
    const findings = await refusal(twoClusters({ pod }), KUBELET);
    expect(findings).toContainEqual(expect.objectContaining({ code: 'E152', remedy: 'use --engine helper' }));
  });
});

describe('runtimes', () => {
  const source = 'containerd://2.1.9';

  it.each([
    ['containerd://2.1.9+unknown', true],
    ['containerd://2.2.5', true],
    ['containerd://2.2.6', true],
    ['containerd://2.3.3', true],
    ['containerd://v2.3.2', true],
    ['containerd://1.7.28', 'E146'],
    ['containerd://2.0.5', 'E146'],
    ['containerd://2.1.0', 'E147'],
    ['containerd://2.1.8', 'E147'],
    ['containerd://2.2.4', 'E147'],
    ['containerd://2.2.7', 'if-configured'],
    ['containerd://2.2.9', 'if-configured'],
    ['containerd://2.3.1', 'E147'],
    ['containerd://2.3.4', 'if-configured'],
    ['containerd://2.4.0-rc.0', 'E146'],
    ['containerd://3.0.0', 'E146'],
    ['cri-o://1.34.0', 'E147'],
    ['docker://27.0.0', 'E146'],
    [undefined, 'E146'],
  ])('%s', (reported, expected) => {
    const verdict = judgeRuntime(reported, source);
    expect(verdict.restores || verdict.code).toBe(expected);
    if (verdict.restores !== true) expect(verdict.why).toMatch(/#\d+|CVE-\d{4}|KEP|none/);
  });

  it('do not restore what another has taken', () => {
    expect(judgeRuntime(source, 'cri-o://1.34.0')).toMatchObject({
      restores: false,
      why: expect.stringContaining('cri-o'),
    });
  });

  it('take checkpoints since a version', () => {
    expect(['containerd://2.4.2', 'cri-o://1.34.0'].map(takesCheckpoints)).toEqual([true, true]);
    expect(['containerd://1.7.28', 'docker://27.0.0', undefined].map(takesCheckpoints)).toEqual([false, false, false]);
  });

  it('are named as people write them', () => {
    expect(describeRuntime('containerd://2.1.9+unknown')).toBe('containerd 2.1.9');
  });
});
