import type { Finding } from '../../domain/finding.ts';
import type { Plan, PodVolume } from '../../domain/plan.ts';
import type { Pod } from '../../kube/objects.ts';
import type { ClusterReader } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { HelperPods } from './helper-pods.ts';
import type { WaitReport } from './start-pod.ts';
import { bySuccessor, isNobodyThere } from './successor.ts';
import { siblings, withVolumes } from './with-volumes.ts';

/** What the source's helper keeps and lets go, whichever helper that is by now. */
export interface SourceHelper {
  /**
   * Lets the source go on. A helper that is gone, removed by force or ended by its node, leaves a stopped source stopped:
   * another one is started in its place and takes it up, unless the source's pod is gone as well. Idempotent.
   */
  thaw(volumes: readonly PodVolume[], report: WaitReport): Promise<void>;
  /** Ends the source’s connections; nothing is left of them when its pod has ended, which an earlier run may have seen to. */
  release(report: WaitReport): Promise<void>;
  /** From here on nothing but `thaw` lets the source go on, and kubelet starts no container of it anew. */
  seal(signal: AbortSignal, warn: (text: string) => void): Promise<void>;
  /** E148 where a source that is to be held could be started afresh. */
  holdFindings(signal: AbortSignal): Promise<Finding[]>;
}

/** The source's side of helper pods. */
export function createSourceHelper(
  pods: HelperPods,
  { plan, source }: { readonly plan: Plan; readonly source: ClusterReader },
): SourceHelper {
  const containerIds = plan.source.containers.map(({ id }) => id);
  const podLogs = podLogsOf(plan);
  const { namespace, pod, uid, node } = plan.source;
  const isThere = async (signal: AbortSignal): Promise<boolean> =>
    (await source.get<Pod>(RESOURCES.pod, pod, { namespace, signal }))?.metadata.uid === uid;
  /** One that was started in the place of another, by a process that died, knows of nothing yet. */
  const takeUp = (volumes: readonly PodVolume[], { signal }: WaitReport) =>
    pods.call(
      'source',
      'take-up',
      { containers: withVolumes(plan, containerIds, volumes), ...siblings(plan) },
      { signal },
    );
  return {
    async thaw(volumes, report) {
      const thaw = async () => {
        await takeUp(volumes, report);
        await pods.call('source', 'thaw', { containerIds, podLogs }, { signal: report.signal });
      };
      try {
        await thaw();
      } catch (error) {
        if (!isNobodyThere(error)) throw error;
        // With its pod everything has gone that could go on.
        if (!(await isThere(report.signal))) return;
        await pods.replace('source', report);
        await thaw();
      }
    },
    async release(report) {
      const act = async () => {
        try {
          await pods.call('source', 'release-connections', { containerIds }, { signal: report.signal });
        } catch (error) {
          if (await isThere(report.signal)) throw error;
        }
      };
      await bySuccessor(pods, 'source', { act, takeUp: () => takeUp([], report) }, report);
    },
    async seal(signal, warn) {
      const { obstacle } = await pods.call('source', 'seal', { containerIds, podLogs }, { signal });
      if (obstacle !== '')
        warn(
          `should ${namespace}/${pod} fail a probe until it is removed, kubelet on ${node} starts it afresh: ${obstacle}`,
        );
    },
    async holdFindings(signal) {
      if (plan.request.hold === undefined) return [];
      const { obstacle } = await pods.call('source', 'restarts', { podLogs }, { signal });
      return obstacle === '' ? [] : [startsAfresh(plan, obstacle)];
    },
  };
}

/** What kubelet calls the directory with the source pod's logs. */
function podLogsOf({ source: { namespace, pod, uid } }: Plan): string {
  return `${namespace}_${pod}_${uid}`;
}

function startsAfresh({ source: { namespace, pod, node } }: Plan, obstacle: string): Finding {
  return {
    code: 'E148',
    severity: 'error',
    what: `kubelet on node ${node} cannot be kept from starting ${namespace}/${pod} afresh: ${obstacle}`,
    why: 'a source that is held must neither serve nor write, whatever kubelet makes of it',
    remedy: 'move it without --hold',
  };
}
