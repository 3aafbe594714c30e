import { rmSync } from 'node:fs';
import { type Member, sectionsOf } from './copy.ts';
import { scanTree } from './scan.ts';

/** The name that CRIU gives to a link that it makes to an open file without a name (criu/files-reg.c, link_remap). */
const LINK_REMAP = /(^|\/)link_remap\.\d+$/;

/**
 * Removes the links that a dump left in the containers' changed files and volumes, while the trees are stopped. The
 * restored ones remove their copies themselves; a thawed source does not need them. Idempotent.
 */
export function removeLinkRemaps(members: readonly Member[]): void {
  for (const { container, at, directory, skip } of sectionsOf(members)) {
    const root = `/proc/${members[container]?.rootPid}/root`;
    for (const path of scanTree(directory, skip, { withRoot: false }).keys()) {
      // Through the container's root: an overlay's upper directory must not be changed under it.
      if (LINK_REMAP.test(path)) rmSync(`${root}${at}/${path}`, { force: true });
    }
  }
}
