import { readFileSync, writeFileSync } from 'node:fs';

const file = '/proc/sys/fs/inotify/max_user_instances';

/** What two clusters need beside what else a machine watches; 128 is the kernel's own limit. */
const wanted = 1024;

/**
 * Lets root have as many inotify instances as two clusters need. Returns the limit as it was, for restoring, or
 * undefined when it was high enough.
 */
export function raiseWatchLimit(): number | undefined {
  const present = Number(readFileSync(file, 'utf8'));
  if (present >= wanted) return undefined;
  writeFileSync(file, String(wanted));
  return present;
}

/** Puts the limit back, unless somebody else has changed it since. */
export function restoreWatchLimit(before: number): void {
  if (Number(readFileSync(file, 'utf8')) === wanted) writeFileSync(file, String(before));
}
