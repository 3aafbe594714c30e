import { rmSync } from 'node:fs';
import type { MovedVolume } from '../protocol.ts';
import { sectionsOf } from './copy.ts';
import { scanTree } from './scan.ts';

/** The name that CRIU gives to a link that it makes to an open file without a name (criu/files-reg.c, link_remap). */
const LINK_REMAP = /(^|\/)link_remap\.\d+$/;

/**
 * Removes the links that a dump left in the container's changed files and volumes, while the tree is stopped. The
 * restored tree removes its copies itself; a thawed source does not need them. Idempotent.
 */
export function removeLinkRemaps(pid: number, volumes: readonly MovedVolume[]): void {
  for (const { at, directory, skip } of sectionsOf(pid, volumes)) {
    for (const path of scanTree(directory, skip, { withRoot: false }).keys()) {
      // Through the container's root: an overlay's upper directory must not be changed under it.
      if (LINK_REMAP.test(path)) rmSync(`/proc/${pid}/root${at}/${path}`, { force: true });
    }
  }
}
