import { describe, expect, it } from 'vitest';
import type { Container, Node } from '../../../src/kube/objects.ts';
import { lostCapabilities } from '../../../src/planner/checks/default-capabilities.ts';
import type { Facts } from '../../../src/planner/facts.ts';
import { runningPod } from '../../fixtures/objects.ts';

const CONTAINERD = 'containerd://2.1.9+unknown';
const CRIO = 'cri-o://1.34.0';
const ALL = ['MKNOD', 'NET_RAW', 'SETFCAP', 'SYS_CHROOT', 'AUDIT_WRITE'];

function node(name: string, containerRuntimeVersion: string): Node {
  return { metadata: { name }, spec: {}, status: { nodeInfo: { containerRuntimeVersion } } } as unknown as Node;
}

function lost(from: string, to: string, securityContext: Container['securityContext'] = {}) {
  const facts = { sourceNode: node('east-1', from), targetNodes: [node('west-1', CONTAINERD), node('west-2', to)] };
  return lostCapabilities(facts as unknown as Facts, runningPod({ container: { securityContext } }), 'west-2');
}

describe('capabilities that a pod has by its runtime only', () => {
  it.each([
    ['nothing between nodes of one runtime', CONTAINERD, CONTAINERD, {}, []],
    ['what CRI-O does not give', CONTAINERD, CRIO, {}, ALL],
    ['nothing on the way back', CRIO, CONTAINERD, {}, []],
    ['nothing where a runtime is not known', 'docker://27.0.0', CRIO, {}, []],
    ['nothing where all are dropped', CONTAINERD, CRIO, { capabilities: { drop: ['ALL'] } }, []],
    [
      'not what the pod names',
      CONTAINERD,
      CRIO,
      { capabilities: { add: ['NET_RAW'], drop: ['CAP_MKNOD'] } },
      ALL.slice(2),
    ],
  ])('are lost: %s', (_what, from, to, securityContext, names) => {
    const { lost: found, findings } = lost(from, to, securityContext);
    expect(found).toEqual(names);
    expect(findings.map(({ code }) => code)).toEqual(names.length === 0 ? [] : ['W216']);
  });

  it('are named before anything happens, with both runtimes and the node', () => {
    expect(lost(CONTAINERD, CRIO).findings).toMatchObject([
      {
        what: expect.stringContaining(ALL.join(', ')),
        why: expect.stringMatching(/containerd 2\.1\.9.*cri-o 1\.34\.0.*west-2/),
      },
    ]);
  });
});
