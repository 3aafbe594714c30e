import path from 'node:path';
import protobuf from 'protobufjs';
import { criuDescriptor } from '../../src/helper/image/descriptor.ts';
import { compiledCriu, criuDefinitions, debianRoot } from '../../src/helper/image/toolchain.ts';
import { cacheFolder } from '../lab/cache.ts';
import { criuImage } from './criu-image.ts';

/** CRIU's definitions as the helper image has them, and those that only the plugin reads images by. */
export async function labDescriptor(): Promise<string> {
  const cache = path.join(cacheFolder(), 'helper-image');
  return criuDescriptor(criuDefinitions(await compiledCriu(cache, await debianRoot(cache))), ['cgroup.proto']);
}

/** What of a core is forged here. */
export interface Core {
  tc?: {
    task_state?: number;
    old_seccomp_mode?: number;
    old_seccomp_filter?: number;
    oom_score_adj?: number;
    readonly rlimits?: { readonly rlimits: { cur: number; max: number }[] };
  };
  thread_core: { readonly creds: object; seccomp_mode: number; seccomp_filter: number };
}

/** An image of a task with its only entry changed. */
export function forgeCore(descriptor: string, image: Buffer, change: (core: Core) => void): Buffer {
  return forge<Core>(descriptor, 'core_entry', image, (cores) => cores.forEach(change));
}

/** An image with its entries changed in place; the list of them may be changed, too. Throws for one that is not whole. */
export function forge<T>(descriptor: string, message: string, image: Buffer, change: (entries: T[]) => void): Buffer {
  const type = protobuf.Root.fromJSON(JSON.parse(descriptor)).lookupType(message);
  const start = message === 'inventory_entry' ? 4 : 8;
  const entries: protobuf.Message[] = [];
  let at = start;
  do {
    const end = at + 4 + image.readUInt32LE(at);
    if (end > image.length) throw new RangeError(`an entry that ends at ${end} of ${image.length} bytes`);
    entries.push(type.decode(image.subarray(at + 4, end)));
    at = end;
  } while (at < image.length);
  change(entries as unknown as T[]);
  return Buffer.concat([image.subarray(0, start), ...entries.flatMap((entry) => framed(type, entry))]);
}

function framed(type: protobuf.Type, entry: object): Uint8Array[] {
  const body = type.encode(type.fromObject(entry)).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return [length, body];
}

/** An image of open files, as CRIU would write it of these entries. */
export function filesImage(descriptor: string, entries: readonly object[]): Buffer {
  return criuImage('file_entry', entries, descriptor);
}
