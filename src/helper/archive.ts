import { createHash } from 'node:crypto';
import { constants, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { HelperFailure } from './failure.ts';
import { archiveSentSchema } from './protocol.ts';

/** The node's own files, through its first process. */
const onNode = (archive: string) => `/proc/1/root${archive}`;

/** How long an archive is, in bytes. Throws `not-movable` when it is not where kubelet said. */
export function archiveBytes(archive: string): number {
  try {
    return statSync(onNode(archive)).size;
  } catch (error) {
    throw new HelperFailure('not-movable', `kubelet’s archive is not on the node: ${archive}`, String(error));
  }
}

/** Removes an archive. Idempotent. */
export function removeArchive(archive: string): void {
  rmSync(onNode(archive), { force: true });
}

/**
 * The exec'ed program that writes an archive to stdout, and then on stderr what it wrote, so that the reader can tell a
 * whole one from one that was cut off. Goes on until its reader ends its stdin. Returns its exit status.
 */
export async function sendArchive(archive: string): Promise<number> {
  const file = await open(onNode(archive), constants.O_RDONLY | constants.O_NOFOLLOW);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
    bytes += chunk.length;
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
  process.stderr.write(JSON.stringify(archiveSentSchema.parse({ bytes, sha256: hash.digest('hex') })));
  // What is on its way is lost when the command ends before its reader has it (kubernetes #60140): the reader ends it.
  await new Promise((resolve) => process.stdin.resume().once('end', resolve).once('close', resolve));
  return 0;
}
