import { spawn } from 'node:child_process';
import type { FrameWriter } from '../bulk/framing.ts';
import { execute, finished } from '../command.ts';
import { insideMounts, MOUNT_HELPER } from '../enter.ts';
import type { MovedVolume } from '../facts.ts';
import { HelperFailure } from '../failure.ts';
import { type MountInfo, parseMountInfo, upperDirectory } from '../mounts.ts';
import { processTree, readProc } from '../processes.ts';
import { digestFile, filesBeingWritten } from './hot.ts';
import { doubtfulFiles, type Former, planCopy } from './plan.ts';
import { resolveInRoot, type Snapshot, scanTree } from './scan.ts';

/** A tree that is copied: the container's changed files (`at` is `/`) or a volume. */
export type Section = {
  /** Where the container sees it, links resolved. */
  at: string;
  /** Where the helper sees what changed. */
  directory: string;
  skip: ReadonlySet<string>;
  overlay: boolean;
};

/** What was copied of a section so far. */
export type Copied = Former & { digests: ReadonlyMap<string, string> };

const relativeTo = (at: string, file: string) =>
  at === '/' ? file.slice(1) : file.startsWith(`${at}/`) ? file.slice(at.length + 1) : undefined;

/** The sections of a container: its root's upper directory (without mount points) and its volumes. */
export function sectionsOf(pid: number, volumes: readonly MovedVolume[]): Section[] {
  const mounts = parseMountInfo(readProc(pid, 'mountinfo') ?? '');
  const upper = upperDirectory(mounts);
  if (!upper) throw new HelperFailure('not-movable', 'the root file system is no overlay whose changes can be told');
  const root: Section = { at: '/', directory: `/proc/1/root${upper}`, skip: skipped('/', mounts), overlay: true };
  const container = `/proc/${pid}/root`;
  return [
    root,
    ...volumes.map(({ mountPath }) => {
      const directory = resolveInRoot(container, mountPath);
      const at = directory.slice(container.length);
      return { at, directory, skip: skipped(at, mounts), overlay: false };
    }),
  ];
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

/** Sends what changed in the sections since they were `copied` as one transfer, and returns what is copied now. */
export async function sendFiles(
  pid: number,
  sections: readonly Section[],
  copied: ReadonlyMap<string, Copied>,
  writer: FrameWriter,
): Promise<{ files: number; copied: Map<string, Copied> }> {
  const next = new Map<string, Copied>();
  const writing = filesBeingWritten(processTree(pid).map((each) => each.pid));
  let files = 0;
  for (const section of sections) {
    const former = copied.get(section.at);
    const scannedAt = Date.now();
    const snapshot = scanTree(section.directory, section.skip, { withRoot: !section.overlay });
    const digests = digestsOf(section, writing, snapshot);
    const rewritten = new Set(
      [...digests].filter(([file, digest]) => former?.digests.get(file) !== digest).map(([file]) => file),
    );
    const opaque = section.overlay ? await opaqueDirectories(section, snapshot, former) : new Set<string>();
    const plan = planCopy(snapshot, former, opaque, rewritten);
    const prefix = section.at === '/' ? '/' : `${section.at}/`;
    if (plan.remove.length > 0) {
      await writer.part({ kind: 'delete' });
      await writer.data(Buffer.from(plan.remove.map((file) => `${prefix}${file}\0`).join('')));
    }
    if (plan.copy.length > 0) await sendTar(pid, section, plan.copy, writer);
    files += plan.copy.length + plan.remove.length;
    const again = digestsOf(section, writing, snapshot);
    const doubtful = doubtfulFiles(snapshot, scannedAt);
    // A file that changed while it was read: which of its contents was sent nobody knows.
    for (const [file, digest] of digests) if (again.get(file) !== digest) doubtful.add(file);
    next.set(section.at, { snapshot, doubtful, digests: again });
  }
  return { files, copied: next };
}

function digestsOf(section: Section, writing: ReadonlySet<string>, snapshot: Snapshot): Map<string, string> {
  const digests = new Map<string, string>();
  for (const file of writing) {
    const relative = relativeTo(section.at, file);
    if (relative === undefined || snapshot.get(relative)?.kind !== 'file') continue;
    const digest = digestFile(`${section.directory}/${relative}`);
    if (digest) digests.set(relative, digest);
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
  await writer.part({ kind: 'tar', at: section.at });
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
  const args = insideMounts(pid, { writable: false }, ['tar', ...keep, ...options]);
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
