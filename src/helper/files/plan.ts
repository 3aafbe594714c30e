import type { FileState, Snapshot } from './scan.ts';

/** What has to travel so that a copy becomes equal: first the deletions, then the files. Paths relative to the tree. */
export type CopyPlan = { remove: string[]; copy: string[] };

/** What a former copy left behind to compare with. */
export type Former = {
  snapshot: Snapshot;
  /** Files that may have changed without a trace in their times: copied again in any case. */
  doubtful: ReadonlySet<string>;
};

/**
 * A file whose times are this close to the moment of the scan may change again within the same tick of the kernel's
 * clock without getting a new time (before multigrain timestamps, Linux 6.13): it is doubtful.
 */
const TICK_MS = 50;

/** The files of a snapshot whose time alone will not tell a later change. */
export function doubtfulFiles(snapshot: Snapshot, scannedAt: number): Set<string> {
  const doubtful = new Set<string>();
  for (const [path, { changed, kind }] of snapshot) {
    if (kind === 'file' && changed > scannedAt - TICK_MS) doubtful.add(path);
  }
  return doubtful;
}

const differs = (now: FileState, then: FileState) =>
  now.inode !== then.inode || now.changed !== then.changed || now.size !== then.size || now.kind !== then.kind;

/**
 * Compares a tree with what was copied of it before.
 *
 * @param opaque directories that hide what the image has below them: removed at the target before they are copied
 * @param rewritten files whose digest differs although their times may not
 */
export function planCopy(
  now: Snapshot,
  former: Former | undefined,
  opaque: ReadonlySet<string>,
  rewritten: ReadonlySet<string>,
): CopyPlan {
  const plan: CopyPlan = { remove: [], copy: [] };
  const emptied: string[] = [];
  for (const [path, state] of now) {
    const then = former?.snapshot.get(path);
    const below = emptied.some((directory) => path.startsWith(`${directory}/`));
    const changed = !then || differs(state, then) || former?.doubtful.has(path) || rewritten.has(path);
    if (!changed && !below) continue;
    if (state.kind === 'whiteout') {
      if (then?.kind !== 'whiteout' && !below) plan.remove.push(path);
      continue;
    }
    if (!below && (opaque.has(path) || (then && then.kind !== state.kind))) {
      plan.remove.push(path);
      if (state.kind === 'directory') emptied.push(path);
    }
    plan.copy.push(path);
  }
  for (const [path, { kind }] of former?.snapshot ?? []) {
    if (kind !== 'whiteout' && !now.has(path) && !plan.remove.some((gone) => path.startsWith(`${gone}/`))) {
      plan.remove.push(path);
    }
  }
  return plan;
}
