/** One kind of refusal: how CRIU's log shows it, what it means, what helps, and where its developers discuss it. */
interface Cause {
  readonly pattern: RegExp;
  readonly cause: string;
  readonly cure: string;
  /** Number at github.com/checkpoint-restore/criu/issues. */
  readonly issue?: number;
}

/** In order of precedence: the first that a log shows is the one told. */
const CAUSES: readonly Cause[] = [
  {
    // The kernel refuses to pass its descriptors on (net/core/scm.c, scm_fp_copy)
    pattern: /io_uring|send_fds failed \(-22\)/i,
    cause: 'a process uses io_uring, which CRIU cannot dump',
    cure: 'switch it off in the program if it has a setting, or run the pod with seccomp RuntimeDefault',
    issue: 2131,
  },
  {
    pattern: /Unsupported proto 262/,
    cause: 'a process uses MPTCP',
    cure: 'GODEBUG=multipathtcp=0 switches it off for a Go program',
    issue: 2655,
  },
  {
    pattern: /Unsupported proto (\d+)/,
    cause: 'a process has a socket of a protocol that CRIU cannot dump',
    cure: 'let the program close it before the move',
  },
  {
    pattern: /Can't dump a pid namespace without the process init/,
    cause: 'the container has no PID namespace of its own (shareProcessNamespace)',
    cure: 'run the pod without shareProcessNamespace',
  },
  {
    pattern: /outside of its pid namespace/,
    cause: 'a process runs in a PID namespace that the program made (a sandbox)',
    cure: 'switch the sandbox off in the program, if it has a setting',
  },
  {
    pattern: /fsnotify/,
    cause: 'a process watches a file (inotify) that CRIU cannot find again, such as one of the container’s own',
    cure: 'let the program watch a folder of a volume instead',
  },
  {
    pattern: /Can't open file \S*\.\.\d{4}_\d\d_\d\d_/,
    cause: 'a process has a file of a ConfigMap, Secret or token open, which has another name in the target',
    cure: 'let the program close it after reading',
  },
  {
    pattern: /Can't open file .* on restore/,
    cause: 'a file that a process has open is not there in the target',
    cure: 'find the file in the log: it lies outside what is copied',
  },
  {
    pattern: /Can't dump ghost file .* of (\d+) size|ghost file.*too big|Increase with --ghost-limit/i,
    cause: 'a process holds a deleted file open that is larger than 512 MiB',
    cure: 'let the program close it; JNI libraries and temporary files are common ones',
    issue: 2501,
  },
  {
    pattern: /Can't (handle|dump) .*(SOCK_RAW|packet)|packet socket/i,
    cause: 'a process has a packet or raw socket of a kind that CRIU cannot dump',
    cure: 'stop what captures or sends raw packets during the move',
  },
  {
    pattern: /Can't dump (half of )?stream unix connection|External socket is used/,
    cause: 'a process is connected to a UNIX socket outside the container',
    cure: 'let it disconnect for the move: sockets of the host and of other containers stay behind',
    issue: 1788,
  },
  {
    pattern: /\b[pt]ty\b|terminal.*(?:external|Found dangling)|path=\/dev\/pts\//i,
    cause: 'a process has a terminal that belongs to somebody outside the container',
    cure: 'end kubectl exec -it sessions, and run the pod without tty',
    issue: 595,
  },
  {
    pattern: /suspending seccomp failed/,
    cause: 'the node does not let CRIU step past a seccomp filter',
    cure: 'use a node whose kernel allows PTRACE_O_SUSPEND_SECCOMP to root',
    issue: 2391,
  },
  {
    pattern: /Can't seize task|ptrace.*Operation not permitted|is being traced/,
    cause: 'a process is being traced by a debugger or profiler',
    cure: 'end the debugger, and try again',
  },
  {
    pattern: /has rseq but kernel lacks get_rseq_conf|GET_RSEQ_CONFIGURATION.*not supported/,
    cause: 'the kernel of the node cannot tell where restartable sequences are (rseq)',
    cure: 'use a node with Linux 5.13 or later',
    issue: 2070,
  },
  {
    pattern: /userfaultfd|Can't dump uffd/i,
    cause: 'a process uses userfaultfd, which CRIU cannot dump',
    cure: 'switch off what uses it: some garbage collectors and hypervisors do',
    issue: 915,
  },
  {
    pattern: /hugetlb|huge ?page/i,
    cause: 'a process uses huge pages that CRIU cannot carry',
    cure: 'run the program without explicit huge pages',
  },
  {
    pattern: /Can't get rlimit/,
    cause: 'limits of a process could not be read: the node refuses prlimit(2) (CAP_SYS_RESOURCE)',
    cure: 'let privileged pods have CAP_SYS_RESOURCE on the node',
  },
  {
    pattern: /max xsave frame exceed|Can't set FPU registers/,
    cause: 'the processor state of the source is larger than this CRIU can hold',
    cure: 'use a helper image with a later CRIU',
    issue: 2835,
  },
  {
    pattern: /bad mode/,
    cause: 'a directory has another mode on the target (CRIU compares it)',
    cure: 'make the directory the same on both sides: it comes from the image or from a volume',
  },
  {
    pattern: /has bad build-?id/i,
    cause: 'a library that a process has mapped is another build on the target',
    cure: 'make sure that both sides run the same image, by digest',
    issue: 1756,
  },
  {
    pattern: /has bad size|File .* has bad/i,
    cause: 'a file that a process has open or mapped is not the same on the target',
    cure: 'find the file in the log: it lies outside what is copied, or changes by itself',
    issue: 1258,
  },
  {
    pattern: /Can't bind inet socket|Cannot assign requested address/,
    cause: 'a socket is bound to an address that the target does not have',
    cure: 'let the program listen on 0.0.0.0 or :: instead of the address of the pod',
    issue: 312,
  },
  {
    pattern: /Address already in use/,
    cause: 'a port that a process listens on is taken on the target',
    cure: 'look what else runs in the target pod',
  },
  {
    pattern: /mount .*(?:not found|doesn't have a proper root mount)|unsupported mount|Mount \d+ .* unreachable/i,
    cause: 'a mount of the container has no counterpart that CRIU can use',
    cure: 'look for mounts that were made inside the running container',
  },
  {
    pattern: /No space left on device/,
    cause: 'there is no room left for the images',
    cure: 'free memory on the node, or choose another one with --to-node',
  },
  {
    pattern: /Cannot allocate memory|Out of memory/,
    cause: 'there is not enough memory (limit of the pod or of the node)',
    cure: 'raise the memory limit of the pod, or choose a node with more room',
  },
  {
    pattern: /cpu.*(?:features|capabilities)|xsave|fpu/i,
    cause: 'the target CPU lacks features that the source used',
    cure: 'choose a node with the same processor or a later one of its line',
    issue: 2824,
  },
  {
    pattern: /seccomp/i,
    cause: "the process's seccomp filter cannot be dumped or installed",
    cure: 'look at the filter that the program itself sets',
  },
  {
    pattern: /clone3?.*(?:File exists|EEXIST)|Can't fork for \d+: File exists|Pid \d+ .*busy/i,
    cause: 'a process id is taken on the target',
    cure: 'try again: something was started in the placeholder, an exec or a probe',
    issue: 2190,
  },
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
 * CRIU's refusal in a sentence, with what helps. "criu failed: type NOTIFY errno 0" alone is what people complain of most
 * (CRIU #2366): when no known cause is found the first error line itself is told.
 */
export function causeOf(log: string): string {
  const lines = interestingLines(log, 400);
  const text = lines.join('\n');
  const known = CAUSES.find(({ pattern }) => pattern.test(text));
  if (known) {
    const issue = known.issue === undefined ? '' : ` (CRIU #${known.issue})`;
    return `${known.cause}${issue}: ${known.cure}`;
  }
  const first = lines.find((line) => /\bError\b/.test(line)) ?? log.trim().split('\n').at(-1) ?? '';
  return first.replace(/^\([\d.]+\)\s*/, '').trim() || 'CRIU gave no reason';
}
