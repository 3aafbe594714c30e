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
import { MIGRATION_ANNOTATION, ORIGINAL_ANNOTATION, type Replaced } from './original-pod.ts';

export interface PlaceholderOptions {
  /** The source pod as its author wrote it (`originalPod`). */
  readonly original: Pod;
  readonly migration: string;
  readonly namespace: string;
  readonly node: string;
  /** The image by digest that the source runs. */
  readonly image: string;
  readonly helperImage: string;
  /** The command line that the runtime started; absent until the probe has read it. */
  readonly commandLine?: readonly string[];
}

/** Annotations that describe a pod's place in one cluster. */
const CLUSTER_BOUND =
  /^(cni\.projectcalico\.org|k8s\.v1\.cni\.cncf\.io|k8s\.ovn\.org|kubernetes\.io\/config\.|kubectl\.kubernetes\.io\/last-applied)/;
const UNKNOWN_COMMAND = '<command line of the image, read by the probe>';

/**
 * The target pod: the source's spec, user, capabilities and probes, with a program in place of the command line that
 * waits for the restore, and a pin to the node that still lets the scheduler check everything else. Pure.
 */
export function placeholderPod(options: PlaceholderOptions): Pod {
  const { original, migration, namespace, node } = options;
  const [container] = original.spec.containers;
  if (!container) throw new Error('a pod has at least one container');
  const annotations = Object.entries(original.metadata.annotations ?? {}).filter(([key]) => !CLUSTER_BOUND.test(key));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: original.metadata.name,
      namespace,
      labels: original.metadata.labels ?? {},
      annotations: {
        ...Object.fromEntries(annotations),
        [MIGRATION_ANNOTATION]: migration,
        [ORIGINAL_ANNOTATION]: JSON.stringify(replacedParts(original.spec, container)),
      },
    },
    spec: {
      ...original.spec,
      affinity: pinned(original.spec.affinity, node),
      initContainers: [installer(container, options.helperImage)],
      containers: [standIn(container, options)],
      volumes: [...(original.spec.volumes ?? []), { name: PLACEHOLDER_VOLUME, emptyDir: { sizeLimit: '16Mi' } }],
    },
  };
}

function replacedParts(spec: PodSpec, container: Container): Replaced {
  return {
    ...(container.command && { command: container.command }),
    ...(container.args && { args: container.args }),
    ...(container.startupProbe && { startupProbe: container.startupProbe }),
    ...(spec.affinity && { affinity: spec.affinity }),
  };
}

function standIn(container: Container, { image, commandLine }: PlaceholderOptions): Container {
  const { args: _args, ...rest } = container;
  const known =
    commandLine ?? (container.command ? [...container.command, ...(container.args ?? [])] : [UNKNOWN_COMMAND]);
  return {
    ...rest,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: placeholderCommand(known.map(literal), container.startupProbe !== undefined),
    startupProbe: placeholderStartupProbe(startupProbe(container)),
    volumeMounts: [...(container.volumeMounts ?? []), { name: PLACEHOLDER_VOLUME, mountPath: PLACEHOLDER_DIR }],
  };
}

/** Runs as the container's own user, so that it is admitted wherever the container is. */
function installer(container: Container, image: string): Container {
  return {
    name: PLACEHOLDER_VOLUME,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: [...PLACEHOLDER_INSTALL],
    ...(container.securityContext && { securityContext: container.securityContext }),
    ...(container.resources && { resources: container.resources }),
    volumeMounts: [{ name: PLACEHOLDER_VOLUME, mountPath: PLACEHOLDER_DIR }],
  };
}

/** Pins by node name through the scheduler, as the DaemonSet controller does, so that its other checks still hold. */
function pinned(affinity: PodSpec['affinity'], node: string): NonNullable<PodSpec['affinity']> {
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

/** The planned pod with the command line that the runtime started, now that the probe has read it. Pure. */
export function withCommandLine(pod: Pod, commandLine: readonly string[]): Pod {
  const containers = pod.spec.containers.map((container) => {
    const command = container.command ?? [];
    const fixed = command.slice(0, command.indexOf('--') + 1);
    return { ...container, command: [...fixed, ...originalCommand(commandLine).map(literal)] };
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}
