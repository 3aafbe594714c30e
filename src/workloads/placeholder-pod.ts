import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import {
  type OriginalStartupProbe,
  originalCommand,
  PLACEHOLDER_DIR,
  PLACEHOLDER_VOLUME,
  placeholderCommand,
  placeholderInstall,
  placeholderStartupProbe,
} from '../helper/placeholder-spec.ts';
import type { Container, Pod, PodSpec } from '../kube/objects.ts';
import { isSidecar, lastingContainers, sidecars } from './containers.ts';
import { ORIGINAL_ANNOTATION, type Replaced } from './original-pod.ts';

export interface PlaceholderOptions {
  /** The source pod as its author wrote it (`originalPod`). */
  readonly original: Pod;
  readonly migration: string;
  readonly namespace: string;
  readonly node: string;
  /** The image by digest that the source runs, by container. */
  readonly images: ReadonlyMap<string, string>;
  readonly helperImage: string;
  /** Where other pods are made with the same spec: the one whose placeholder waits. */
  readonly only?: string;
}

/** Annotations that describe a pod's place in one cluster. */
const CLUSTER_BOUND =
  /^(cni\.projectcalico\.org|k8s\.v1\.cni\.cncf\.io|k8s\.ovn\.org|kubernetes\.io\/config\.|kubectl\.kubernetes\.io\/last-applied)/;
const UNKNOWN_COMMAND = '<command line of the image, read by the probe>';
/** Whom the installer runs as where root is forbidden and the image would have named the user: nobody in particular. */
const NOBODY = 65_534;

/**
 * The target pod: the source's spec, users, capabilities and probes, with a program in place of each command line that
 * waits for the restore, and a pin to the node that still lets the scheduler check everything else. Init containers that
 * have done their work do not run again; what they left in volumes moves. Pure.
 */
export function placeholderPod(options: PlaceholderOptions): Pod {
  const { original, migration, namespace, node } = options;
  const asSidecar = sidecars(original.spec).map((container) => standIn(container, options, true));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: movedMetadata(original, namespace, migration, replacedParts(original.spec)),
    spec: {
      ...original.spec,
      affinity: pinned(original.spec.affinity, node),
      initContainers: [installer(original.spec, options.helperImage), ...asSidecar],
      containers: original.spec.containers.map((container) => standIn(container, options, false)),
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

export function replacedParts(spec: PodSpec): Replaced {
  const containers = lastingContainers(spec).map(({ name, command, args, startupProbe }) => [
    name,
    { ...(command && { command }), ...(args && { args }), ...(startupProbe && { startupProbe }) },
  ]);
  const ended = (spec.initContainers ?? []).flatMap((container, at) => (isSidecar(container) ? [] : { at, container }));
  return {
    containers: Object.fromEntries(containers),
    ...(ended.length > 0 && { ended }),
    ...(spec.affinity && { affinity: spec.affinity }),
  };
}

/** A sidecar has no startup probe: kubelet would not start the containers after it before the restore. */
function standIn(container: Container, { images, only }: PlaceholderOptions, isSidecar: boolean): Container {
  const { args = [], ...rest } = container;
  const words = [...(container.command ?? [UNKNOWN_COMMAND]), ...args];
  const mount = { name: PLACEHOLDER_VOLUME, mountPath: PLACEHOLDER_DIR, subPath: container.name };
  return {
    ...rest,
    image: images.get(container.name) ?? container.image,
    imagePullPolicy: 'IfNotPresent',
    command: placeholderCommand(words, container.startupProbe !== undefined, only),
    ...(!isSidecar && { startupProbe: placeholderStartupProbe(startupProbe(container)) }),
    volumeMounts: [...(container.volumeMounts ?? []), mount],
  };
}

/**
 * Runs as the first container's own user, so that it is admitted wherever that is. The helper image's user is root,
 * which kubelet refuses where the pod forbids root and leaves the user to its image.
 */
function installer(spec: PodSpec, image: string): Container {
  const [container] = spec.containers;
  const effective = { ...(spec['securityContext'] as object | undefined), ...container?.securityContext };
  const { runAsNonRoot, runAsUser } = effective as { runAsNonRoot?: boolean; runAsUser?: number };
  const user = runAsNonRoot === true && runAsUser === undefined ? { runAsUser: NOBODY } : {};
  const securityContext = { ...container?.securityContext, ...user };
  return {
    name: PLACEHOLDER_VOLUME,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: placeholderInstall(lastingContainers(spec).map(({ name }) => name)),
    ...(Object.keys(securityContext).length > 0 && { securityContext }),
    ...(container?.resources && { resources: container.resources }),
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

/** The node that a spec is pinned to by `pinned`. Pure. */
export function pinnedNode({ affinity }: PodSpec): string | undefined {
  const [term] = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return term?.matchFields?.find(({ key }) => key === 'metadata.name')?.values?.[0];
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

/** Command lines by container. */
export type CommandLines = Readonly<Record<string, readonly string[]>>;

/**
 * The planned pod with what its images add to the command lines, now that the probe has read them. Only that is taken
 * from the lines that the runtime started: the author's own words go as they were written, because the lines have had
 * `$(NAME)` replaced by values of the source cluster, Secrets among them. Pure.
 */
export function withCommandLines(pod: Pod, commandLines: CommandLines): Pod {
  const complete = (container: Container): Container => {
    const { start, args, isKnown } = plannedWords(container);
    if (isKnown) return container;
    const ofImage = imageWords(commandLines[container.name] ?? [], args);
    const command = [...(container.command ?? []).slice(0, start), ...ofImage.map(literal), ...args];
    return { ...container, command };
  };
  const { initContainers, containers } = pod.spec;
  const spec = {
    ...pod.spec,
    ...(initContainers && { initContainers: initContainers.map(complete) }),
    containers: containers.map(complete),
  };
  return { ...pod, spec };
}

/**
 * The running command lines as far as they may be written down: the images' own words from them, the author's as the
 * spec has them, because in the lines they hold values of the cluster. What `withCommandLines` makes of it is the same.
 * Pure.
 */
export function asWritten(pod: Pod, commandLines: CommandLines): CommandLines {
  const lines = lastingContainers(pod.spec).map((container) => {
    const { start, args, isKnown } = plannedWords(container);
    if (isKnown) return [container.name, (container.command ?? []).slice(start)];
    return [container.name, [...imageWords(commandLines[container.name] ?? [], args), ...args]];
  });
  return Object.fromEntries(lines);
}

/** Where the original's words begin in a stand-in's command, and whether the spec names them all. */
function plannedWords({ command = [] }: Container): { start: number; args: readonly string[]; isKnown: boolean } {
  const start = command.indexOf('--') + 1;
  return { start, args: command.slice(start + 1), isKnown: command[start] !== UNKNOWN_COMMAND };
}

function imageWords(commandLine: readonly string[], args: readonly string[]): string[] {
  const line = originalCommand(commandLine);
  return line.slice(0, Math.max(0, line.length - args.length));
}
