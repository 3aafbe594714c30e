import { describe, expect, it } from 'vitest';
import type { Node, NodeSelectorRequirement, Pod, Toleration } from '../../../src/kube/objects.ts';
import { chooseNode, judgeNodes } from '../../../src/planner/checks/placement.ts';
import { node, runningPod } from '../../fixtures/objects.ts';

function reasons(target: Node, pod: Pod = runningPod(), pods: readonly Pod[] = []): readonly string[] {
  const [candidate] = judgeNodes({ pod, nodes: [target], pods, architecture: 'amd64' });
  return candidate?.reasons ?? [];
}

function asking(requests: Record<string, string>, nodeName = 'west-1'): Pod {
  return runningPod({ spec: { nodeName }, container: { resources: { requests } } });
}

function requiring(...rules: NodeSelectorRequirement[]): Pod {
  const required = { nodeSelectorTerms: [{ matchExpressions: rules }] };
  return runningPod({
    spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } },
  });
}

describe('a node', () => {
  it('that is ready and empty fits', () => {
    expect(reasons(node('west-1'))).toEqual([]);
  });

  it.each<readonly [string, Node, RegExp]>([
    ['not ready', node('n', { ready: false }), /not Ready/],
    ['cordoned', node('n', { spec: { unschedulable: true } }), /cordoned/],
    ['of another architecture', node('n', { architecture: 'arm64' }), /arm64.*amd64/],
    ['tainted', node('n', { spec: { taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] } }), /gpu:NoSchedule/],
    ['tainted NoExecute', node('n', { spec: { taints: [{ key: 'gpu', effect: 'NoExecute' }] } }), /gpu:NoExecute/],
  ])('that is %s is not chosen, and why', (_name, target, words) => {
    expect(reasons(target).join()).toMatch(words);
  });

  it('tells all reasons at once', () => {
    const bad = node('n', { ready: false, architecture: 'arm64', spec: { unschedulable: true } });
    expect(reasons(bad)).toHaveLength(3);
  });
});

describe('taints', () => {
  const tainted = node('n', { spec: { taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] } });

  it.each<readonly [string, Toleration, boolean]>([
    ['Exists for everything', { operator: 'Exists' }, true],
    ['Exists for the key', { key: 'gpu', operator: 'Exists' }, true],
    ['Exists for another key', { key: 'disk', operator: 'Exists' }, false],
    ['Equal', { key: 'gpu', operator: 'Equal', value: 'a' }, true],
    ['Equal by default', { key: 'gpu', value: 'a' }, true],
    ['Equal with another value', { key: 'gpu', value: 'b' }, false],
    ['the same effect', { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }, true],
    ['another effect', { key: 'gpu', operator: 'Exists', effect: 'NoExecute' }, false],
  ])('are met by %s: %#', (_name, toleration, met) => {
    expect(reasons(tainted, runningPod({ spec: { tolerations: [toleration] } }))).toHaveLength(met ? 0 : 1);
  });

  it('that only prefer keep nobody away', () => {
    const preferred = node('n', { spec: { taints: [{ key: 'gpu', effect: 'PreferNoSchedule' }] } });
    expect(reasons(preferred)).toEqual([]);
  });
});

describe('selectors', () => {
  const labelled = node('west-1', { labels: { disk: 'ssd', cores: '8' } });

  it('need every label', () => {
    expect(reasons(labelled, runningPod({ spec: { nodeSelector: { disk: 'ssd' } } }))).toEqual([]);
    const pod = runningPod({ spec: { nodeSelector: { disk: 'hdd', zone: 'a' } } });
    expect(reasons(labelled, pod)).toEqual(['lacks the label disk=hdd', 'lacks the label zone=a']);
  });

  it.each<readonly [string, string, string[], boolean]>([
    ['In', 'disk', ['ssd', 'nvme'], true],
    ['In', 'disk', ['hdd'], false],
    ['In', 'zone', ['a'], false],
    ['NotIn', 'disk', ['hdd'], true],
    ['NotIn', 'disk', ['ssd'], false],
    ['NotIn', 'zone', ['a'], true],
    ['Exists', 'disk', [], true],
    ['Exists', 'zone', [], false],
    ['DoesNotExist', 'zone', [], true],
    ['DoesNotExist', 'disk', [], false],
    ['Gt', 'cores', ['4'], true],
    ['Gt', 'cores', ['8'], false],
    ['Gt', 'zone', ['1'], false],
    ['Lt', 'cores', ['16'], true],
    ['Lt', 'cores', ['8'], false],
    ['Near', 'disk', ['ssd'], false],
  ])('of node affinity: %s %s %j is %s', (operator, key, values, met) => {
    expect(reasons(labelled, requiring({ key, operator, values }))).toHaveLength(met ? 0 : 1);
  });

  it('hold together within a term, and one term is enough', () => {
    const no = { key: 'zone', operator: 'Exists' };
    const yes = { key: 'disk', operator: 'Exists' };
    expect(reasons(labelled, requiring(yes, no))).toHaveLength(1);
    const required = { nodeSelectorTerms: [{ matchExpressions: [no] }, { matchExpressions: [yes] }] };
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: required };
    expect(reasons(labelled, runningPod({ spec: { affinity: { nodeAffinity } } }))).toEqual([]);
  });

  it.each([
    ['west-1', 0],
    ['west-2', 1],
  ])('by field know the node’s name: %s', (name, count) => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: [name] }];
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    };
    expect(reasons(labelled, runningPod({ spec: { affinity: { nodeAffinity } } }))).toHaveLength(count);
  });
});

describe('requests', () => {
  it('count what other pods of the node have taken', () => {
    const small = node('west-1', { memory: '1Gi' });
    const pod = asking({ memory: '600Mi' }, 'east-1');
    expect(reasons(small, pod)).toEqual([]);
    expect(reasons(small, pod, [asking({ memory: '600Mi' })]).join()).toMatch(
      /memory \(600 MiB requested, 424 MiB free/,
    );
    expect(reasons(small, pod, [asking({ memory: '600Mi' }, 'west-2')])).toEqual([]);
  });

  it('are compared in cores, however they are written', () => {
    expect(reasons(node('n'), asking({ cpu: '3999m' }))).toEqual([]);
    expect(reasons(node('n'), asking({ cpu: '4.5' })).join()).toMatch(/cpu \(4\.50 cores requested, 4\.00 cores free/);
  });
});

describe('the choice', () => {
  it('falls on the node with most memory left, by name among equals, on none where none fits', () => {
    const nodes = [
      node('b'),
      node('a'),
      node('small', { memory: '1Gi' }),
      node('down', { memory: '64Gi', ready: false }),
    ];
    const facts = { pod: runningPod(), nodes, pods: [], architecture: 'amd64' };
    expect(chooseNode(judgeNodes(facts), facts)).toBe('a');
    const loaded = { ...facts, pods: [asking({ memory: '1Gi' }, 'a')] };
    expect(chooseNode(judgeNodes(loaded), loaded)).toBe('b');
    const none = { ...facts, nodes: [node('down', { ready: false })] };
    expect(chooseNode(judgeNodes(none), none)).toBeUndefined();
  });
});
