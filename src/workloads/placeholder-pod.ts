import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import {
  type OriginalStartupProbe,
  originalCommand,
  PLACEHOLDER_DIR,
  PLACEHOLDER_INSTALL,
  PLACEHOLDER_VOLUME,
  placeholderCommand,
  placeholderStartupProbe,
} from '../helper/placeholder-spec.ts';
import type { Container, Pod, PodSpec } from '../kube/objects.ts';
import { ORIGINAL_ANNOTATION, type Replaced } from './original-pod.ts';

export interface PlaceholderOptions {
  /** The source pod as its author wrote it (`originalPod`). */
  readonly original: Pod;
  readonly migration: string;
  readonly namespace: string;
  readonly node: string;
  /** The image by digest that the source runs. */
  readonly image: string;
  readonly helperImage: string;
}

/** Annotations that describe a pod's place in one cluster. */
const CLUSTER_BOUND =
  /^(cni\.projectcalico\.org|k8s\.v1\.cni\.cncf\.io|k8s\.ovn\.org|kubernetes\.io\/config\.|kubectl\.kubernetes\.io\/last-applied)/;
const UNKNOWN_COMMAND = '<command line of the image, read by the probe>';
/** Whom the installer runs as where root is forbidden and the image would have named the user: nobody in particular. */
const NOBODY = 65_534;

/**
 * The target pod: the source's spec, user, capabilities and probes, with a program in place of the command line that
 * waits for the restore, and a pin to the node that still lets the scheduler check everything else. Pure.
 */
export function placeholderPod(options: PlaceholderOptions): Pod {
  const { original, migration, namespace, node } = options;
  const [container] = original.spec.containers;
  if (!container) throw new Error('a pod has at least one container');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: movedMetadata(original, namespace, migration, replacedParts(original.spec, container)),
    spec: {
      ...original.spec,
      affinity: pinned(original.spec.affinity, node),
      initContainers: [installer(original.spec, container, options.helperImage)],
      containers: [standIn(container, options)],
      volumes: [...(original.spec.volumes ?? []), { name: PLACEHOLDER_VOLUME, emptyDir: { sizeLimit: '16Mi' } }],
    },
  };
}

/** Name, labels and annotations that go along, with what the move replaced. Pure. */
export function movedMetadata(
  original: Pod,
  namespace: string,
  migration: string,
  replaced: Replaced,
): Pod['metadata'] {
  const { name, labels = {}, annotations = {} } = original.metadata;
  return {
    name,
    namespace,
    labels,
    annotations: {
      ...Object.fromEntries(Object.entries(annotations).filter(([key]) => !CLUSTER_BOUND.test(key))),
      [MIGRATION_ANNOTATION]: migration,
      [ORIGINAL_ANNOTATION]: JSON.stringify(replaced),
    },
  };
}

export function replacedParts(spec: PodSpec, container: Container): Replaced {
  return {
    ...(container.command && { command: container.command }),
    ...(container.args && { args: container.args }),
    ...(container.startupProbe && { startupProbe: container.startupProbe }),
    ...(spec.affinity && { affinity: spec.affinity }),
  };
}

function standIn(container: Container, { image }: PlaceholderOptions): Container {
  const { args = [], ...rest } = container;
  const words = [...(container.command ?? [UNKNOWN_COMMAND]), ...args];
  return {
    ...rest,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: placeholderCommand(words, container.startupProbe !== undefined),
    startupProbe: placeholderStartupProbe(startupProbe(container)),
    volumeMounts: [...(container.volumeMounts ?? []), { name: PLACEHOLDER_VOLUME, mountPath: PLACEHOLDER_DIR }],
  };
}

/**
 * Runs as the container's own user, so that it is admitted wherever the container is. The helper image's user is root,
 * which kubelet refuses where the pod forbids root and leaves the user to its image.
 */
function installer(spec: PodSpec, container: Container, image: string): Container {
  const effective = { ...(spec['securityContext'] as object | undefined), ...container.securityContext };
  const { runAsNonRoot, runAsUser } = effective as { runAsNonRoot?: boolean; runAsUser?: number };
  const user = runAsNonRoot === true && runAsUser === undefined ? { runAsUser: NOBODY } : {};
  const securityContext = { ...container.securityContext, ...user };
  return {
    name: PLACEHOLDER_VOLUME,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: [...PLACEHOLDER_INSTALL],
    ...(Object.keys(securityContext).length > 0 && { securityContext }),
    ...(container.resources && { resources: container.resources }),
    volumeMounts: [{ name: PLACEHOLDER_VOLUME, mountPath: PLACEHOLDER_DIR }],
  };
}

/** Pins by node name through the scheduler, as the DaemonSet controller does, so that its other checks still hold. */
export function pinned(affinity: PodSpec['affinity'], node: string): NonNullable<PodSpec['affinity']> {
  const pin = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = (required?.nodeSelectorTerms ?? [{}]).map((term) => ({ ...term, matchFields: pin }));
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
    },
  };
}

/**
 * kubelet expands `$(NAME)` in commands and makes one dollar sign of two; the runtime's command line has been through
 * that already. A function, because `$$` in a replacement text means one dollar sign as well.
 */
function literal(argument: string): string {
  return argument.replaceAll('$', () => '$$');
}

/** The startup probe with the API's defaults and with port names resolved; a gRPC one is declined by the planner. */
function startupProbe(container: Container): OriginalStartupProbe | undefined {
  const probe = container.startupProbe;
  if (!probe) return undefined;
  const port = (name: number | string) =>
    typeof name === 'number'
      ? name
      : (container.ports?.find((one) => one.name === name)?.containerPort ?? Number(name));
  const host = (value: string | undefined) => (value === undefined ? {} : { host: value });
  const common = {
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds ?? 10,
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
  if (probe.exec) return { ...common, kind: 'exec', command: probe.exec.command ?? [] };
  if (probe.tcpSocket) {
    return { ...common, kind: 'tcp', port: port(probe.tcpSocket.port), ...host(probe.tcpSocket.host) };
  }
  if (!probe.httpGet) return undefined;
  const { httpGet } = probe;
  const target = { port: port(httpGet.port), ...host(httpGet.host) };
  if (httpGet.scheme === 'HTTPS') return { ...common, kind: 'tcp', ...target };
  return { ...common, kind: 'http', ...target, path: httpGet.path ?? '/', headers: httpGet.httpHeaders ?? [] };
}

/**
 * The planned pod with what its image adds to the command line, now that the probe has read it. Only that is taken from
 * the line that the runtime started: the author's own words go as they were written, because the line has had `$(NAME)`
 * replaced by values of the source cluster, Secrets among them. Pure.
 */
export function withCommandLine(pod: Pod, commandLine: readonly string[]): Pod {
  const containers = pod.spec.containers.map((container) => {
    const command = container.command ?? [];
    const start = command.indexOf('--') + 1;
    if (command[start] !== UNKNOWN_COMMAND) return container;
    const args = command.slice(start + 1);
    const line = originalCommand(commandLine);
    const ofImage = line.slice(0, Math.max(0, line.length - args.length));
    return { ...container, command: [...command.slice(0, start), ...ofImage.map(literal), ...args] };
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}

/**
 * The running command line as far as it may be written down: the image's own words from it, the author's as the spec has
 * them, because in the line they hold values of the cluster. What `withCommandLine` makes of it is the same. Pure.
 */
export function asWritten(pod: Pod, commandLine: readonly string[]): string[] {
  const command = pod.spec.containers[0]?.command ?? [];
  const start = command.indexOf('--') + 1;
  if (command[start] !== UNKNOWN_COMMAND) return command.slice(start);
  const args = command.slice(start + 1);
  const line = originalCommand(commandLine);
  return [...line.slice(0, Math.max(0, line.length - args.length)), ...args];
}
