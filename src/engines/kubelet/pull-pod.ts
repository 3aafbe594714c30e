import { MigrateError } from '../../domain/errors.ts';
import { MIGRATION_ANNOTATION } from '../../domain/names.ts';
import type { Plan, PlanDraft } from '../../domain/plan.ts';
import type { ObjectRef } from '../../domain/refs.ts';
import type { Container, ContainerStatus, Pod } from '../../kube/objects.ts';
import type { Verdict } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';

/** A program that is in no image: the container is made, its image pulled for that, and nothing of it runs. */
const NOTHING = '/kubectl-migrate-pulls-this-image-only';

/** States in which the image is not there yet, whether or not it will be. */
const BEFORE_PULL = new Set(['ContainerCreating', 'PodInitializing', 'ErrImagePull', 'ImagePullBackOff', 'Pending']);
const NOT_PULLED = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull']);

/** The pod that has the target node pull images before the freeze. Pure. */
export function pullPodRef({
  id,
  target,
}: PlanDraft): ObjectRef & { namespace: string; resource: typeof RESOURCES.pod } {
  const { namespace } = target;
  return {
    side: 'target',
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    name: `pull-${id}`,
    resource: RESOURCES.pod,
  };
}

/**
 * With the pull secrets and the service account of the target pod, on its node: what this pod can pull, that one can. On
 * a restore containerd pulls the base image without any credentials (containerd #12585) unless it is there
 * (containerd #12021). Meets the Pod Security level `restricted`. Pure.
 */
export function pullPod(plan: Plan, images: readonly string[]): Pod {
  const { spec } = plan.manifest as unknown as Pod;
  const { namespace, name } = pullPodRef(plan);
  const container = (image: string, index: number): Container => ({
    name: `image-${index}`,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: [NOTHING],
    securityContext: {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      runAsUser: 65_534,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'kubectl-migrate', 'kubectl-migrate.io/migration': plan.id },
      annotations: { [MIGRATION_ANNOTATION]: plan.id },
    },
    spec: {
      containers: images.map(container),
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      ...(spec.affinity && { affinity: spec.affinity }),
      ...(spec.tolerations && { tolerations: spec.tolerations }),
      ...(spec.imagePullSecrets && { imagePullSecrets: spec.imagePullSecrets }),
      ...(spec.serviceAccountName !== undefined && { serviceAccountName: spec.serviceAccountName }),
    },
  };
}

/** Whether every image is on the node. Throws F387 with kubelet's words for one that cannot be pulled. Pure. */
export function pulled(plan: Plan, pod: Pod | undefined): Verdict {
  if (!pod) return { done: false, why: 'the pod is not seen yet' };
  for (const status of pod.status?.containerStatuses ?? []) {
    const waiting = status.state?.waiting;
    if (waiting?.reason === undefined || !NOT_PULLED.has(waiting.reason)) continue;
    throw new MigrateError('F387', {
      detail: `node ${plan.target.node} of ${plan.target.context}: ${waiting.reason}: ${waiting.message ?? status.image}`,
      remedy:
        'give the pod’s service account or its imagePullSecrets in the target a login for that registry, and have the nodes trust its certificate',
    });
  }
  const statuses = pod.status?.containerStatuses ?? [];
  const missing = pod.spec.containers.filter(({ name }) => !isPulled(statuses.find((status) => status.name === name)));
  if (missing.length === 0) return { done: true };
  const why = statuses.map((status) => status.state?.waiting?.reason).find((reason) => reason !== undefined);
  return { done: false, why: why ?? pod.status?.phase ?? 'not scheduled yet' };
}

/** The program is in no image, so a container that got as far as to fail has its image. */
function isPulled(status: ContainerStatus | undefined): boolean {
  const { waiting, running, terminated } = status?.state ?? {};
  if (running || terminated) return true;
  return waiting?.reason !== undefined && !BEFORE_PULL.has(waiting.reason);
}
