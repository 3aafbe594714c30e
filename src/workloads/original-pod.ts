import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { PLACEHOLDER_VOLUME } from '../helper/placeholder-spec.ts';
import type { Container, Pod, PodSpec, Probe, Toleration } from '../kube/objects.ts';

/** Annotation with what a move replaced, so that the pod can move again and be compared with its source. */
export const ORIGINAL_ANNOTATION = 'kubectl-migrate.io/original';
/** What a placeholder, or a checkpoint as an image, replaces in a pod's spec. An absent field was absent in the original too. */
export interface Replaced {
  /** By name: those that run as long as the pod. */
  readonly containers: Readonly<Record<string, ReplacedContainer>>;
  /** Init containers that do not run again, with their place in the list. */
  readonly ended?: readonly { readonly at: number; readonly container: Container }[];
  readonly affinity?: PodSpec['affinity'];
}

interface ReplacedContainer {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly startupProbe?: Probe;
  /** Set where a checkpoint took the image's place. */
  readonly image?: string;
  readonly imagePullPolicy?: string;
}

/**
 * The pod as its author wrote it: without the placeholder of an earlier move, and without what the API server adds
 * for one cluster (service-account token volume, node, default tolerations, status). Pure.
 */
export function originalPod(pod: Pod): Pod {
  const { nodeName: _node, serviceAccount: _alias, priority: _priority, preemptionPolicy: _policy, ...spec } = pod.spec;
  const replaced = replacedIn(pod);
  const volumes = (spec.volumes ?? []).filter((volume) => !isInjectedVolume(volume.name));
  const initContainers = (spec.initContainers ?? [])
    .filter((container) => container.name !== PLACEHOLDER_VOLUME)
    .map((container) => originalContainer(container, replaced));
  for (const { at, container } of replaced?.ended ?? []) initContainers.splice(at, 0, container);
  const tolerations = (spec.tolerations ?? []).filter((toleration) => !isDefaultToleration(toleration));
  const restored: PodSpec = {
    ...spec,
    containers: spec.containers.map((container) => originalContainer(container, replaced)),
    initContainers,
    volumes,
    tolerations,
  };
  if (replaced) {
    delete restored.affinity;
    if (replaced.affinity) restored.affinity = replaced.affinity;
  }
  const { status: _status, ...rest } = pod;
  return { ...rest, spec: restored } as Pod;
}

function originalContainer(container: Container, replaced: Replaced | undefined): Container {
  const mounts = (container.volumeMounts ?? []).filter((mount) => !isInjectedVolume(mount.name));
  const result: Container = { ...container, volumeMounts: mounts };
  const own = replaced?.containers[container.name];
  if (!own) return result;
  delete result.command;
  delete result.args;
  delete result.startupProbe;
  if (own.command) result.command = [...own.command];
  if (own.args) result.args = [...own.args];
  if (own.startupProbe) result.startupProbe = own.startupProbe;
  if (own.image !== undefined) result.image = own.image;
  if (own.imagePullPolicy !== undefined) result.imagePullPolicy = own.imagePullPolicy;
  return result;
}

function replacedIn(pod: Pod): Replaced | undefined {
  const text = pod.metadata.annotations?.[ORIGINAL_ANNOTATION];
  if (text === undefined) return undefined;
  return parseReplaced(text, pod.metadata.name);
}

const containerSchema = z.strictObject({
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  startupProbe: z.looseObject({}).optional(),
  image: z.string().optional(),
  imagePullPolicy: z.string().optional(),
});

const replacedSchema = z.strictObject({
  containers: z.record(z.string(), containerSchema),
  ended: z
    .array(z.strictObject({ at: z.int().nonnegative(), container: z.looseObject({ name: z.string() }) }))
    .optional(),
  affinity: z.looseObject({}).optional(),
});

function parseReplaced(text: string, pod: string): Replaced {
  try {
    return replacedSchema.parse(JSON.parse(text)) as unknown as Replaced;
  } catch (cause) {
    throw new MigrateError('F305', {
      detail: `annotation ${ORIGINAL_ANNOTATION} of pod ${pod} is not what an earlier move wrote there`,
      remedy: 'restore the annotation, or replace the pod by an ordinary one',
      outcome: 'declined',
      cause,
    });
  }
}

/** Volumes that the API server or an earlier move added. */
function isInjectedVolume(name: string): boolean {
  return name === PLACEHOLDER_VOLUME || name.startsWith('kube-api-access-');
}

/** As the DefaultTolerationSeconds admission plugin adds them to every pod; what somebody wrote otherwise is theirs. */
function isDefaultToleration({ key, operator, effect, tolerationSeconds }: Toleration): boolean {
  const added = key === 'node.kubernetes.io/not-ready' || key === 'node.kubernetes.io/unreachable';
  return added && operator === 'Exists' && effect === 'NoExecute' && tolerationSeconds === 300;
}
