/** One kind of refusal: how CRIU's log shows it and what it means for the user. */
type Cause = { pattern: RegExp; cause: string };

/** In order of precedence: the first that a log shows is the one told. */
const CAUSES: readonly Cause[] = [
  {
    // The kernel refuses to pass its descriptors on (net/core/scm.c, scm_fp_copy)
    pattern: /io_uring|send_fds failed \(-22\)/i,
    cause:
      'a process uses io_uring, which CRIU cannot dump (CRIU #2131): switch it off in the program if it has a setting',
  },
  {
    pattern: /Unsupported proto 262/,
    cause: 'a process uses MPTCP (CRIU #2655); GODEBUG=multipathtcp=0 switches it off for a Go program',
  },
  { pattern: /Unsupported proto (\d+)/, cause: 'a process has a socket of a protocol that CRIU cannot dump' },
  {
    pattern: /Can't dump a pid namespace without the process init/,
    cause: 'the container has no PID namespace of its own (shareProcessNamespace)',
  },
  {
    pattern: /outside of its pid namespace/,
    cause: 'a process runs in a PID namespace that the program made (a sandbox)',
  },
  {
    pattern: /fsnotify/,
    cause: 'a process watches a file (inotify) that CRIU cannot find again, such as one of the container’s own',
  },
  {
    pattern: /Can't open file \S*\.\.\d{4}_\d\d_\d\d_/,
    cause: 'a process has a file of a ConfigMap, Secret or token open, which has another name in the target',
  },
  { pattern: /Can't open file .* on restore/, cause: 'a file that a process has open is not there in the target' },
  {
    pattern: /Can't dump ghost file .* of (\d+) size|ghost file.*too big|Increase with --ghost-limit/i,
    cause: 'a process holds a deleted file open that is larger than 512 MiB',
  },
  {
    pattern: /Can't (handle|dump) .*(SOCK_RAW|packet)|packet socket/i,
    cause: 'a process has a packet or raw socket of a kind that CRIU cannot dump',
  },
  {
    pattern: /Can't dump (half of )?stream unix connection|External socket is used/,
    cause: 'a process is connected to a UNIX socket outside the container',
  },
  {
    pattern: /\b[pt]ty\b|terminal.*(?:external|Found dangling)/i,
    cause: 'a process has a terminal that belongs to somebody outside the container',
  },
  {
    pattern: /Can't seize task|ptrace.*Operation not permitted|is being traced/,
    cause: 'a process is being traced by a debugger',
  },
  { pattern: /userfaultfd|Can't dump uffd/i, cause: 'a process uses userfaultfd, which CRIU cannot dump' },
  { pattern: /hugetlb|huge ?page/i, cause: 'a process uses huge pages that CRIU cannot carry' },
  {
    pattern: /Can't get rlimit/,
    cause: 'limits of a process could not be read: the node refuses prlimit(2) (CAP_SYS_RESOURCE)',
  },
  { pattern: /bad mode/, cause: 'a directory has another mode on the target (CRIU compares it)' },
  {
    pattern: /has bad size|File .* has bad|build-?id/i,
    cause: 'a file that a process has open or mapped is not the same on the target',
  },
  {
    pattern: /Can't bind inet socket|Cannot assign requested address/,
    cause: 'a socket is bound to an address that the target does not have',
  },
  { pattern: /Address already in use/, cause: 'a port that a process listens on is taken on the target' },
  {
    pattern: /mount .*(?:not found|doesn't have a proper root mount)|unsupported mount|Mount \d+ .* unreachable/i,
    cause: 'a mount of the container has no counterpart that CRIU can use',
  },
  { pattern: /No space left on device/, cause: 'there is no room left for the images' },
  {
    pattern: /Cannot allocate memory|Out of memory/,
    cause: 'there is not enough memory (limit of the pod or of the node)',
  },
  {
    pattern: /cpu.*(?:features|capabilities)|xsave|fpu/i,
    cause: 'the target CPU lacks features that the source used (CRIU #2824)',
  },
  { pattern: /seccomp/i, cause: "the process's seccomp filter cannot be dumped or installed" },
  { pattern: /clone3?.*(?:File exists|EEXIST)|Pid \d+ .*busy/i, cause: 'a process id is taken on the target' },
];

const INTERESTING = /\b(Error|Warn)\b/;
/** Without CAP_SYS_RESOURCE; where there is no /dev/net/tun; when CRIU ends its cgroup child after a failure. */
const HARMLESS = /Can't setup RLIMIT_NOFILE for self|Unable to create tun|cgroupd: recv req error/;

/** The lines of a CRIU log that tell what went wrong, oldest first. */
export function interestingLines(log: string, limit = 40): string[] {
  const lines = log.split('\n').filter((line) => INTERESTING.test(line) && !HARMLESS.test(line));
  const errors = lines.filter((line) => /\bError\b/.test(line));
  return (errors.length > 0 ? errors : lines).slice(-limit);
}

/**
 * CRIU's refusal in a sentence. "criu failed: type NOTIFY errno 0" alone is what people complain of most (CRIU #2366):
 * when no known cause is found the first error line itself is told.
 */
export function causeOf(log: string): string {
  const lines = interestingLines(log, 400);
  const text = lines.join('\n');
  const known = CAUSES.find(({ pattern }) => pattern.test(text));
  if (known) return known.cause;
  const first = lines.find((line) => /\bError\b/.test(line)) ?? log.trim().split('\n').at(-1) ?? '';
  return first.replace(/^\([\d.]+\)\s*/, '').trim() || 'CRIU gave no reason';
}
