import type { Capability } from '../../helper/capabilities.ts';

/** Whether a node's runtime restores a checkpoint from an image when a container is created. */
export type RestoreVerdict =
  | { readonly restores: true }
  /** Only with a setting of its configuration file, which no API server shows. */
  | { readonly restores: 'if-configured'; readonly setting: string; readonly why: string }
  | { readonly restores: false; readonly code: 'E146' | 'E147'; readonly why: string };

type Version = readonly [number, number, number];

interface Row {
  readonly runtime: 'containerd' | 'cri-o';
  /** The first version that the row is about; it ends where the next row of that runtime begins. */
  readonly from: Version;
  readonly verdict: RestoreVerdict;
}

const yes: RestoreVerdict = { restores: true };
const no = (why: string): RestoreVerdict => ({ restores: false, code: 'E146', why });
const vulnerable = (why: string): RestoreVerdict => ({ restores: false, code: 'E147', why });

const CONTAINERD_CVES =
  'believes a checkpoint over the pod’s own request (CVE-2026-53492, CVE-2026-53489, CVE-2026-50195)';
const ifConfigured: RestoreVerdict = {
  restores: 'if-configured',
  setting: "enable_experimental_restore_via_create = true under [plugins.'io.containerd.cri.v1.runtime']",
  why: '(containerd #13913, #13937)',
};

/**
 * Which versions restore, in ascending order for each runtime. CRI-O: no version is known that CVE-2026-92574 is fixed
 * in, and since the patch releases of September 2026 its default is not to restore (CRI-O #10251).
 */
const ROWS: readonly Row[] = [
  { runtime: 'containerd', from: [0, 0, 0], verdict: no('takes and restores no checkpoints (KEP-2008 needs 2.0)') },
  {
    runtime: 'containerd',
    from: [2, 0, 0],
    verdict: no('takes checkpoints and does not restore them (containerd #10365)'),
  },
  { runtime: 'containerd', from: [2, 1, 0], verdict: vulnerable(CONTAINERD_CVES) },
  { runtime: 'containerd', from: [2, 1, 9], verdict: yes },
  { runtime: 'containerd', from: [2, 2, 0], verdict: vulnerable(CONTAINERD_CVES) },
  { runtime: 'containerd', from: [2, 2, 5], verdict: yes },
  { runtime: 'containerd', from: [2, 2, 7], verdict: ifConfigured },
  { runtime: 'containerd', from: [2, 3, 0], verdict: vulnerable(CONTAINERD_CVES) },
  { runtime: 'containerd', from: [2, 3, 2], verdict: yes },
  { runtime: 'containerd', from: [2, 3, 4], verdict: ifConfigured },
  { runtime: 'containerd', from: [2, 4, 0], verdict: no('no longer restores (containerd #13871)') },
  {
    runtime: 'cri-o',
    from: [0, 0, 0],
    verdict: vulnerable('lets a restore bypass the pod’s security context (CVE-2026-92574; no fixed version is known)'),
  },
];

/**
 * Judges a runtime by `status.nodeInfo.containerRuntimeVersion` of its node: `containerd://2.1.9+unknown`. `from` is the
 * source's: an archive of one runtime is not restored by the other. Pure.
 */
export function judgeRuntime(reported: string | undefined, from: string | undefined): RestoreVerdict {
  const { runtime, version } = parse(reported);
  if (runtime === undefined || version === undefined) return no('is none that is known to restore checkpoints');
  const row = ROWS.findLast((candidate) => candidate.runtime === runtime && compare(candidate.from, version) <= 0);
  const verdict = row?.verdict ?? no('is none that is known to restore checkpoints');
  const other = parse(from).runtime;
  if (!verdict.restores || other === runtime) return verdict;
  return no(`does not restore what ${other ?? 'another runtime'} has taken`);
}

/** Whether a node's runtime takes checkpoints (CRI-O since 1.25, containerd since 2.0). Pure. */
export function takesCheckpoints(reported: string | undefined): boolean {
  const { runtime, version } = parse(reported);
  const first = runtime && { containerd: [2, 0, 0] as const, 'cri-o': [1, 25, 0] as const }[runtime];
  return first !== undefined && version !== undefined && compare(first, version) <= 0;
}

/** `containerd 2.1.9`, as people write it. Pure. */
export function describeRuntime(reported: string | undefined): string {
  return reported === undefined ? 'an unknown runtime' : reported.replace('://', ' ').replace(/\+unknown$/, '');
}

/** `containerd` or `cri-o`; undefined for any other. Pure. */
export function runtimeName(reported: string | undefined): Row['runtime'] | undefined {
  return parse(reported).runtime;
}

/** In every runtime's. */
const EVERYWHERE = [
  ...([
    'CHOWN',
    'DAC_OVERRIDE',
    'FSETID',
    'FOWNER',
    'SETGID',
    'SETUID',
    'SETPCAP',
    'NET_BIND_SERVICE',
    'KILL',
  ] as const),
];
const DEFAULT_CAPABILITIES: Readonly<Record<Row['runtime'], readonly Capability[]>> = {
  containerd: [...EVERYWHERE, 'MKNOD', 'NET_RAW', 'SETFCAP', 'SYS_CHROOT', 'AUDIT_WRITE'],
  'cri-o': EVERYWHERE,
};

/**
 * What a container has where its spec does not say: containerd's pkg/oci/spec.go (defaultUnixCaps), CRI-O's
 * internal/config/capabilities (Default; its configuration may say otherwise). Pure.
 */
export function defaultCapabilities(runtime: Row['runtime']): readonly Capability[] {
  return DEFAULT_CAPABILITIES[runtime];
}

function parse(reported: string | undefined): { runtime?: Row['runtime']; version?: Version } {
  const [, name, major, minor, patch] = /^([a-z-]+):\/\/v?(\d+)\.(\d+)\.(\d+)/.exec(reported ?? '') ?? [];
  if (name !== 'containerd' && name !== 'cri-o') return {};
  return { runtime: name, version: [Number(major), Number(minor), Number(patch)] };
}

/** A pre-release counts as its release: what was changed for that is in it. */
function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
