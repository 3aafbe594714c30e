import type { Finding } from '../../domain/finding.ts';
import { onlyContainer, type Plan } from '../../domain/plan.ts';
import type { ContainerFacts, MovedVolume, NodeFacts } from '../../helper/protocol.ts';

/** Asked of the helper beside the pod's own volumes: the runtime's checkpoint leaves its content behind. */
export const SHARED_MEMORY: MovedVolume = { name: 'kubectl-migrate-shm', mountPath: '/dev/shm' };

const WITH_HELPER = 'move it with --engine helper, which can';

/** E146 where the target's runtime restores only with a setting, and its node does not show that it has it. Pure. */
export function configurationFindings({ target }: Plan, seen: NodeFacts | undefined): Finding[] {
  const { node, context, restoreSetting: setting } = target;
  const restoresCheckpoints = seen?.restoresCheckpoints;
  if (setting === undefined || restoresCheckpoints === true) return [];
  const where = `the configuration of the container runtime on node ${node} of ${context}`;
  return [
    {
      code: 'E146',
      severity: 'error',
      what:
        restoresCheckpoints === false ? `${where} lacks ${setting}` : `${where} cannot be read: ${setting} is not seen`,
      why: 'that version of it restores no checkpoint without',
      remedy: `set it in its configuration file and restart it, choose another node with --to-node, or ${WITH_HELPER}`,
    },
  ];
}

/** What the runtime's own checkpoint cannot carry, as the source node shows it. Pure. */
export function kubeletFindings(plan: Plan, container: ContainerFacts): Finding[] {
  const name = `container ${onlyContainer(plan).name}`;
  const findings: Finding[] = [];
  const cannot = (what: string, why: string, remedy = WITH_HELPER) =>
    findings.push({ code: 'E152', severity: 'error', what: `${name} ${what}`, why, remedy });
  const sockets = (of: (socket: ContainerFacts['sockets'][number]) => boolean) => container.sockets.filter(of);
  const mptcp = sockets(({ protocol }) => protocol === 'mptcp').map(({ local }) => local);
  if (mptcp.length > 0) {
    cannot(
      `uses MPTCP (${mptcp.filter(Boolean).join(', ') || 'its address is not shown'})`,
      'the CRIU of runtimes refuses it: "Unsupported proto 262" (CRIU #2655)',
      `start the program with GODEBUG=multipathtcp=0, or ${WITH_HELPER}`,
    );
  }
  const inside = sockets(({ kind, protocol }) => kind === 'inside' && protocol !== 'udp').length;
  if (inside > 0) {
    cannot(`has ${inside} ends of connections inside the pod`, 'the CRIU of runtimes refuses established connections');
  }
  for (const { name: volume, size } of container.volumes.filter(({ size: { files } }) => files > 0)) {
    const what = volume === SHARED_MEMORY.name ? 'files in /dev/shm' : `files in the emptyDir ${volume}`;
    cannot(`has ${size.files} ${what}`, 'a checkpoint of the runtime leaves the content of volumes behind');
  }
  if (container.restored) {
    cannot('was restored by the helper engine before', 'the runtime knows only the placeholder that it lives in');
  }
  const outside = sockets(({ kind }) => kind === 'outside').length;
  if (outside > 0) {
    findings.push({
      code: 'W203',
      severity: 'warning',
      what: `${outside} connections with the outside are open; they are reset before the checkpoint, also if the move fails afterwards`,
      why: 'the CRIU of runtimes refuses established connections',
      remedy: 'clients that reconnect need nothing',
    });
  }
  return findings;
}
