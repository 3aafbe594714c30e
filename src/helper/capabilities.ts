/** Linux capabilities in the order of their numbers (include/uapi/linux/capability.h), as pod specs name them. */
export const CAPABILITIES = [
  ...(['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID'] as const),
  ...(['SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW'] as const),
  ...(['IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT'] as const),
  ...(['SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD'] as const),
  ...(['LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG'] as const),
  ...(['WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE'] as const),
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** One of the sets in a text of /proc/PID/status (proc_pid_status(5)), such as `CapBnd`. Throws when it is not there. Pure. */
export function capabilitiesIn(status: string, name: string): bigint {
  const set = new RegExp(`^${name}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1];
  if (set === undefined) throw new Error(`/proc/PID/status has no line ${name}`);
  return BigInt(`0x${set}`);
}

/** A set of capabilities as the kernel keeps it, one bit each. Pure. */
export function capabilitySet(names: readonly Capability[]): bigint {
  return names.reduce((set, name) => set | (1n << BigInt(CAPABILITIES.indexOf(name))), 0n);
}

/** Their names, and the numbers of those that have none yet. Pure. */
export function capabilityNames(set: bigint): string[] {
  const numbers = Array.from({ length: 64 }, (_, number) => number);
  return numbers.filter((bit) => (set & (1n << BigInt(bit))) !== 0n).map((bit) => CAPABILITIES[bit] ?? String(bit));
}
