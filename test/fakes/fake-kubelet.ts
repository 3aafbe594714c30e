import type { Clock } from '../../src/domain/clock.ts';
import { ApiFailure } from '../../src/kube/api-client.ts';
import type { Container, ContainerStatus, KubeObject, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** Why a container waits for somebody's help instead of starting. */
interface Waiting {
  readonly reason: string;
  readonly message: string;
}

export interface KubeletOptions {
  /** The first three numbers of every pod's address. */
  readonly network: string;
  /** The image that a container of an image is of, undefined where that is not there; every image is there by default. */
  readonly pull?: ((image: string) => string | undefined) | undefined;
  readonly stuck?: ((pod: Pod) => Waiting | undefined) | undefined;
}

/**
 * Scheduler and kubelets in one: a new pod gets its node (from `nodeName`, or the one that its affinity pins it to), an
 * address and running containers, or such as wait for their image; it becomes Ready when it has no probes for that, and
 * otherwise when somebody says so.
 */
export function runKubelets(cluster: FakeCluster, options: KubeletOptions): void {
  let serial = 10;
  cluster.onChange((type: string, object: KubeObject) => {
    if (type !== 'ADDED' || object.kind !== 'Pod') return;
    serial += 1;
    const { name, namespace } = object.metadata;
    const address = `${options.network}.${serial}`;
    if (!cluster.peek(RESOURCES.pod, namespace, name)) return;
    cluster.change<Pod>(RESOURCES.pod, namespace, name, (pod) => {
      pod.spec.nodeName ??= pinnedTo(pod);
      const stuck = options.stuck?.(pod);
      const statuses = pod.spec.containers.map((container, index) => {
        const image = options.pull ? options.pull(container.image) : container.image;
        const waiting = stuck ?? (image === undefined ? notPulled(container.image) : undefined);
        const id = `containerd://${`${serial.toString(16)}${index}`.padStart(64, 'd')}`;
        return waiting ? waitingStatus(container, waiting) : runningStatus(container, id, image ?? '');
      });
      pod.status = {
        phase: statuses.some(({ state }) => state?.waiting) ? 'Pending' : 'Running',
        podIP: address,
        podIPs: [{ ip: address }],
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: statuses.every(({ ready }) => ready) ? 'True' : 'False' },
        ],
        containerStatuses: statuses,
      };
    });
  });
}

/** Kubelet gives up trying for a while after the first `ErrImagePull`, and this is what is mostly seen. */
function notPulled(image: string): Waiting {
  return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` };
}

function waitingStatus({ name, image }: Container, waiting: Waiting): ContainerStatus {
  return { name, image, imageID: '', restartCount: 0, ready: false, started: false, state: { waiting } };
}

function runningStatus(
  { name, image, startupProbe, readinessProbe }: Container,
  id: string,
  imageID: string,
): ContainerStatus {
  const started = startupProbe === undefined;
  const ready = started && readinessProbe === undefined;
  return { name, image, imageID, containerID: id, restartCount: 0, ready, started, state: { running: {} } };
}

function pinnedTo(pod: Pod): string {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0] ?? '';
}

/** What kubelet does when the startup and readiness probes succeed. */
export function becomeReady(cluster: FakeCluster, namespace: string, name: string): void {
  cluster.change<Pod>(RESOURCES.pod, namespace, name, (pod) => {
    for (const condition of pod.status?.conditions ?? []) condition.status = 'True';
    for (const container of pod.status?.containerStatuses ?? [])
      Object.assign(container, { started: true, ready: true });
  });
}

/** Has kubelets take checkpoints of containers that are there; `onTaken` is told where on its node each archive lies. */
export function takeCheckpoints(cluster: FakeCluster, clock: Clock, onTaken: (archive: string) => void): void {
  cluster.onProxy((path, node) => {
    const [, namespace, name, container] = /^\/checkpoint\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const pod = cluster.peek<Pod>(RESOURCES.pod, namespace, name ?? '');
    if (pod?.spec.nodeName !== node) throw refusal('pod does not exist');
    if (!pod.spec.containers.some((each) => each.name === container)) {
      throw refusal(`container ${container} does not exist`);
    }
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const archive = `/var/lib/kubelet/checkpoints/checkpoint-${name}_${namespace}-${container}-${time}.tar`;
    onTaken(archive);
    return { items: [archive] };
  });
}

function refusal(message: string): ApiFailure {
  return new ApiFailure({ kind: 'status', status: { code: 404, reason: 'Not Found', message, proxied: true } });
}
