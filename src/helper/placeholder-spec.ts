// How the target pod's spec calls the placeholder (native/placeholder.c). The plugin builds the pod with these; the
// argument encoding is defined here and read by the C program.

/** Where a container of the target pod mounts its part of the emptyDir that carries the placeholder and receives CRIU. */
export const PLACEHOLDER_DIR = '/.kubectl-migrate';
/** Name of that emptyDir volume. */
export const PLACEHOLDER_VOLUME = 'kubectl-migrate';

/**
 * Command of the init container (helper image), which mounts the whole emptyDir: copies the placeholder into a directory
 * for each container, which the container mounts by `subPath`. Needs no shell and no root.
 */
export function placeholderInstall(containers: readonly string[]): string[] {
  return ['/placeholder', 'install', PLACEHOLDER_DIR, ...containers];
}

/** A startup probe as the source's spec has it, ports already resolved to numbers, defaults filled in. */
export type OriginalStartupProbe = {
  /** Seconds. */
  initialDelaySeconds: number;
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
} & (
  | { kind: 'exec'; command: readonly string[] }
  /** Also stands for gRPC and HTTPS probes: only the connection is tried. */
  | { kind: 'tcp'; host?: string; port: number }
  | { kind: 'http'; host?: string; port: number; path: string; headers: readonly { name: string; value: string }[] }
);

/** The part of a Kubernetes probe that {@link placeholderStartupProbe} fills in. */
export type PlaceholderProbe = {
  exec: { command: string[] };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
};

const PROGRAM = `${PLACEHOLDER_DIR}/placeholder`;
/** The placeholder may wait this long for its restore, in seconds; the helper's deadline is shorter. */
const LONGEST_WAIT_S = 86_400;

/**
 * The target container's command (its `args` are left out): waits for the restore, then stands for the restored root;
 * when kubelet starts the container again later, starts `argv` afresh.
 *
 * @param argv the original command line, as the probe of the source returns it (`container.process.args`)
 * @param supervised true when the source has a startup probe: a cold start then keeps the placeholder as pid 1, so that
 *   the startup probe can end the container when its budget is spent (a process cannot be killed by its own children
 *   when it is pid 1)
 * @param only the one host name that it waits on: on any other it starts `argv` at once, as on a cold start
 */
export function placeholderCommand(argv: readonly string[], supervised: boolean, only?: string): string[] {
  const options = [...(supervised ? ['--supervise'] : []), ...(only === undefined ? [] : ['--for', only])];
  return [PROGRAM, 'run', ...options, '--', ...argv];
}

/**
 * Undoes {@link placeholderCommand}: the command line that the user wrote, for a container that was moved before.
 * Returns `argv` itself when it is no placeholder's.
 */
export function originalCommand(argv: readonly string[]): string[] {
  if (argv[0] !== PROGRAM) return [...argv];
  const end = argv.indexOf('--');
  return end < 0 ? [...argv] : argv.slice(end + 1);
}

/** Whether a process of that command line is the placeholder that restored processes run beside. Pure. */
export function isPlaceholder(argv: readonly string[]): boolean {
  return argv[0] === PROGRAM && argv[1] === 'run';
}

/**
 * The target container's startup probe; liveness and readiness stay as they are, kubelet holds them back until this one
 * succeeds. Fails until the restore is committed, succeeds from then on, and does the original's work on a cold start.
 *
 * Encoding after `startup`: nothing, or TIMEOUT_S BUDGET_S and one of `exec -- ARGV`, `tcp HOST PORT`,
 * `http HOST PORT PATH [NAME VALUE]...`; an empty HOST means the pod's own address.
 */
export function placeholderStartupProbe(original: OriginalStartupProbe | undefined): PlaceholderProbe {
  return {
    exec: { command: [PROGRAM, 'startup', ...(original ? encodeProbe(original) : [])] },
    periodSeconds: 1,
    timeoutSeconds: (original?.timeoutSeconds ?? 1) + 1,
    failureThreshold: LONGEST_WAIT_S,
  };
}

function encodeProbe(probe: OriginalStartupProbe): string[] {
  const budget = probe.initialDelaySeconds + probe.periodSeconds * probe.failureThreshold;
  const head = [String(probe.timeoutSeconds), String(budget), probe.kind];
  switch (probe.kind) {
    case 'exec':
      return [...head, '--', ...probe.command];
    case 'tcp':
      return [...head, probe.host ?? '', String(probe.port)];
    case 'http':
      return [
        ...head,
        probe.host ?? '',
        String(probe.port),
        probe.path,
        ...probe.headers.flatMap(({ name, value }) => [name, value]),
      ];
  }
}
