import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from './fake-cluster.ts';

export interface KubeletOptions {
  /** The first three numbers of every pod's address. */
  readonly network: string;
  /** The image that a restored container was taken of, by that of its pod. */
  readonly restores?: ((image: string) => string | undefined) | undefined;
  /** Says why a container waits for somebody's help instead of starting. */
  readonly stuck?: (pod: Pod) => { reason: string; message: string } | undefined;
}

/**
 * Scheduler and kubelets in one: a new pod gets its node (from `nodeName`, or the one that its affinity pins it to), an
 * address and a running container; it becomes Ready when it has no startup probe, and otherwise when somebody says so.
 */
export function runKubelets(cluster: FakeCluster, options: KubeletOptions): void {
  let serial = 10;
  cluster.onChange((type: string, object: KubeObject) => {
    if (type !== 'ADDED' || object.kind !== 'Pod') return;
    serial += 1;
    const { name, namespace } = object.metadata;
    const address = `${options.network}.${serial}`;
    const id = `containerd://${serial.toString(16).padStart(64, 'd')}`;
    if (!cluster.peek(RESOURCES.pod, namespace, name)) return;
    cluster.change<Pod>(RESOURCES.pod, namespace, name, (pod) => {
      pod.spec.nodeName ??= pinnedTo(pod);
      const container = pod.spec.containers[0];
      const waiting = options.stuck?.(pod);
      const ready = container?.startupProbe === undefined && !waiting ? 'True' : 'False';
      pod.status = {
        phase: waiting ? 'Pending' : 'Running',
        ...(!waiting && { podIP: address, podIPs: [{ ip: address }] }),
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: ready },
        ],
        containerStatuses: pod.spec.containers.map(({ name, image, startupProbe }) => ({
          name,
          ...(!waiting && { containerID: id }),
          imageID: options.restores?.(image) ?? image,
          restartCount: 0,
          started: !waiting && startupProbe === undefined,
          state: waiting ? { waiting } : { running: {} },
        })),
      };
    });
  });
}

function pinnedTo(pod: Pod): string {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0] ?? '';
}

/** What kubelet does when the startup and readiness probes succeed. */
export function becomeReady(cluster: FakeCluster, namespace: string, name: string): void {
  cluster.change<Pod>(RESOURCES.pod, namespace, name, (pod) => {
    for (const condition of pod.status?.conditions ?? []) condition.status = 'True';
    for (const container of pod.status?.containerStatuses ?? []) container.started = true;
  });
}
