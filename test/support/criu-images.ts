import path from 'node:path';
import protobuf from 'protobufjs';
import { criuDescriptor } from '../../src/helper/image/descriptor.ts';
import { compiledCriu, criuDefinitions, debianRoot } from '../../src/helper/image/toolchain.ts';
import { cacheFolder } from '../lab/cache.ts';

/** CRIU's definitions as the helper image has them. */
export async function labDescriptor(): Promise<string> {
  const cache = path.join(cacheFolder(), 'helper-image');
  return criuDescriptor(criuDefinitions(await compiledCriu(cache, await debianRoot(cache))));
}

/** What of a core is forged here. */
export interface Core {
  readonly thread_core: { readonly creds: object; seccomp_mode: number };
}

/** An image of a task with its only entry changed. */
export function forgeCore(descriptor: string, image: Buffer, change: (core: Core) => void): Buffer {
  const type = protobuf.Root.fromJSON(JSON.parse(descriptor)).lookupType('core_entry');
  const message = type.decode(image.subarray(12, 12 + image.readUInt32LE(8)));
  change(message as unknown as Core);
  const body = type.encode(message).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([image.subarray(0, 8), length, body]);
}

/** An image of open files, as CRIU would write it of these entries. */
export function filesImage(descriptor: string, entries: readonly object[]): Buffer {
  const type = protobuf.Root.fromJSON(JSON.parse(descriptor)).lookupType('file_entry');
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x54564319);
  const framed = entries.flatMap((entry) => {
    const body = type.encode(type.fromObject(entry)).finish();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    return [length, body];
  });
  return Buffer.concat([head, ...framed]);
}
