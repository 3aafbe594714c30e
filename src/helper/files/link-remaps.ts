import { rmSync } from 'node:fs';
import { parseMountInfo, upperDirectory } from '../mounts.ts';
import { readProc } from '../processes.ts';
import { scanTree } from './scan.ts';

/** The name that CRIU gives to a link that it makes to an open file without a name (criu/files-reg.c, link_remap). */
const LINK_REMAP = /(^|\/)link_remap\.\d+$/;

/**
 * Removes the links that a dump left in the container's changed files. The restored tree removes its copies itself; a
 * thawed source does not need them. Idempotent.
 */
export function removeLinkRemaps(pid: number): void {
  const upper = upperDirectory(parseMountInfo(readProc(pid, 'mountinfo') ?? ''));
  if (!upper) return;
  for (const path of scanTree(`/proc/1/root${upper}`, new Set(), { withRoot: false }).keys()) {
    if (LINK_REMAP.test(path)) rmSync(`/proc/${pid}/root/${path}`, { force: true });
  }
}
