import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import type { FrameWriter } from '../bulk/framing.ts';
import { execute, finished } from '../command.ts';
import { insideMounts, MOUNT_HELPER } from '../enter.ts';
import type { MovedVolume } from '../facts.ts';
import { HelperFailure } from '../failure.ts';
import { type MountInfo, parseMountInfo, SHARED_MEMORY, upperDirectory } from '../mounts.ts';
import { processTree, readProc } from '../processes.ts';
import { digestFile, filesBeingWritten } from './hot.ts';
import { doubtfulFiles, type Former, planCopy } from './plan.ts';
import { resolveInRoot, type Snapshot, scanTree } from './scan.ts';

/** A container of the pod: its root process, and the volumes that are read through it. */
export type Member = { readonly rootPid: number; readonly volumes: readonly MovedVolume[] };

/** A tree that is copied: a container's changed files (`at` is `/`), a volume, or the memory that the pod shares. */
export type Section = {
  /** The container that it is read through, by its place in the list. */
  container: number;
  /** Where that container sees it, links resolved. */
  at: string;
  /** Where the helper sees what changed. */
  directory: string;
  skip: ReadonlySet<string>;
  overlay: boolean;
  /** Where containers see it; all of them may write to it. */
  views: readonly View[];
};

type View = { container: number; at: string };

/** What was copied of a section so far. */
export type Copied = Former & { digests: ReadonlyMap<string, string> };

const relativeTo = (at: string, file: string) =>
  at === '/' ? file.slice(1) : file.startsWith(`${at}/`) ? file.slice(at.length + 1) : undefined;

/**
 * The sections of a pod's containers: the upper directory of each root (without mount points), the volumes, and
 * /dev/shm once, unless it is a volume.
 */
export function sectionsOf(members: readonly Member[]): Section[] {
  const mounts = members.map(({ rootPid }) => parseMountInfo(readProc(rootPid, 'mountinfo') ?? ''));
  const points = mounts.flatMap((each, container) => mountedDirectories(members, container, each));
  const seen = new Set<string>();
  return members.flatMap(({ rootPid, volumes }, container) => {
    const own = mounts[container] ?? [];
    const upper = upperDirectory(own);
    if (!upper) throw new HelperFailure('not-movable', 'the root file system is no overlay whose changes can be told');
    const views = [{ container, at: '/' }];
    const skip = skipped('/', own);
    const root: Section = { container, at: '/', directory: `/proc/1/root${upper}`, skip, overlay: true, views };
    const shared = own.some(({ mountPoint }) => mountPoint === SHARED_MEMORY) ? [SHARED_MEMORY] : [];
    const rest = [...volumes.map(({ mountPath }) => mountPath), ...shared].flatMap((mountPath): Section[] => {
      const directory = resolveInRoot(`/proc/${rootPid}/root`, mountPath);
      const identity = identityOf(directory);
      if (identity === undefined || seen.has(identity)) return [];
      seen.add(identity);
      const at = directory.slice(`/proc/${rootPid}/root`.length);
      const everywhere = points.filter((point) => point.identity === identity);
      return [{ container, at, directory, skip: skipped(at, own), overlay: false, views: everywhere }];
    });
    return [root, ...rest];
  });
}

function mountedDirectories(members: readonly Member[], container: number, mounts: readonly MountInfo[]) {
  const root = `/proc/${members[container]?.rootPid}/root`;
  return mounts.map(({ mountPoint: at }) => ({ container, at, identity: identityOf(`${root}${at}`) }));
}

/** The same for every mount of a directory; undefined when there is none. */
function identityOf(directory: string): string | undefined {
  const stats = statSync(directory, { throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}

function skipped(at: string, mounts: readonly MountInfo[]): Set<string> {
  const points = [
    ...mounts.map(({ mountPoint }) => mountPoint),
    '/run/secrets',
    '/var/run/secrets',
    '/.kubectl-migrate',
  ];
  return new Set(points.flatMap((point) => relativeTo(at, point) || []));
}

/** Sends what changed in the containers since it was `copied` as one transfer, and returns what is copied now. */
export async function sendFiles(
  members: readonly Member[],
  copied: ReadonlyMap<string, Copied>,
  writer: FrameWriter,
): Promise<{ files: number; copied: Map<string, Copied> }> {
  const next = new Map<string, Copied>();
  const writing = members.map(({ rootPid }) => filesBeingWritten(processTree(rootPid).map((each) => each.pid)));
  let files = 0;
  for (const section of sectionsOf(members)) {
    const { container, at } = section;
    const former = copied.get(`${container} ${at}`);
    const scannedAt = Date.now();
    const snapshot = scanTree(section.directory, section.skip, { withRoot: !section.overlay });
    const digests = digestsOf(section, writing, snapshot);
    const rewritten = new Set(
      [...digests].filter(([file, digest]) => former?.digests.get(file) !== digest).map(([file]) => file),
    );
    const opaque = section.overlay ? await opaqueDirectories(section, snapshot, former) : new Set<string>();
    const plan = planCopy(snapshot, former, opaque, rewritten);
    if (plan.remove.length > 0) {
      await writer.part({ kind: 'delete', container, at });
      await writer.data(Buffer.from(plan.remove.map((file) => `${file}\0`).join('')));
    }
    const rootPid = members[container]?.rootPid ?? 0;
    if (plan.copy.length > 0) await sendTar(rootPid, section, plan.copy, writer);
    files += plan.copy.length + plan.remove.length;
    const again = digestsOf(section, writing, snapshot);
    const doubtful = doubtfulFiles(snapshot, scannedAt);
    // A file that changed while it was read: which of its contents was sent nobody knows.
    for (const [file, digest] of digests) if (again.get(file) !== digest) doubtful.add(file);
    next.set(`${container} ${at}`, { snapshot, doubtful, digests: again });
  }
  return { files, copied: next };
}

function digestsOf(section: Section, writing: readonly ReadonlySet<string>[], snapshot: Snapshot): Map<string, string> {
  const digests = new Map<string, string>();
  for (const { container, at } of section.views) {
    for (const file of writing[container] ?? []) {
      const relative = relativeTo(at, file);
      if (relative === undefined || digests.has(relative) || snapshot.get(relative)?.kind !== 'file') continue;
      const digest = digestFile(`${section.directory}/${relative}`);
      if (digest) digests.set(relative, digest);
    }
  }
  return digests;
}

/** New or changed directories that hide what the image has below them (xattr `trusted.overlay.opaque`). */
async function opaqueDirectories(
  section: Section,
  snapshot: Snapshot,
  former: Former | undefined,
): Promise<Set<string>> {
  const changed = [...snapshot].filter(
    ([path, { kind, changed }]) => kind === 'directory' && former?.snapshot.get(path)?.changed !== changed,
  );
  const opaque = new Set<string>();
  for (let at = 0; at < changed.length; at += 500) {
    const files = changed.slice(at, at + 500).map(([path]) => `${section.directory}/${path}`);
    const args = ['--absolute-names', '--no-dereference', '--name', 'trusted.overlay.opaque', '--', ...files];
    // Ends with 1 when some have no such attribute.
    const { stdout } = await execute('/usr/bin/getfattr', args);
    for (const [, file] of stdout.matchAll(/^# file: (.+)\ntrusted\.overlay\.opaque="?y/gm)) {
      if (file) opaque.add(unescapeOctal(file).slice(section.directory.length + 1));
    }
  }
  return opaque;
}

const unescapeOctal = (text: string) =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    'latin1',
  ).toString();

async function sendTar(pid: number, section: Section, files: readonly string[], writer: FrameWriter): Promise<void> {
  await writer.part({ kind: 'tar', container: section.container, at: section.at });
  const options = [
    '--create',
    '--file=-',
    '--directory',
    section.at,
    '--no-recursion',
    '--null',
    '--verbatim-files-from',
    '--files-from=-',
  ];
  const keep = [
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--xattrs-exclude=trusted.overlay.*',
    '--acls',
    '--sparse',
  ];
  const args = insideMounts(pid, { writable: [] }, ['tar', ...keep, ...options]);
  const child = spawn(MOUNT_HELPER, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout } = child;
  stdin.on('error', () => {});
  stdin.end(files.map((file) => `./${file}\0`).join(''));
  const chunks = stdout.iterator();
  const result = finished(child, { keepStdout: false });
  for await (const chunk of chunks) await writer.data(chunk as Buffer);
  const { status, stderr } = await result;
  // 1: some files changed or vanished while they were read. Then their times changed too, and they travel again.
  if (status > 1 && !onlyVanished(stderr))
    throw new HelperFailure('tool-failed', 'changed files could not be read', stderr);
}

/** tar ends with 2 for a listed file that was gone before it came to it. */
const onlyVanished = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => line.includes(': '))
    .every((line) => /No such file or directory|File removed before we read it|Exiting with failure status/.test(line));
