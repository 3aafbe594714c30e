import protobuf from 'protobufjs';
import definitions from '../../src/engines/kubelet/criu/definitions.json' with { type: 'json' };

/** An image of CRIU's, as it would write it of these entries. `descriptor`: definitions of more than the plugin's. */
export function criuImage(message: string, entries: readonly object[], descriptor?: string): Buffer {
  const known: object = descriptor === undefined ? definitions : JSON.parse(descriptor);
  const type = protobuf.Root.fromJSON(known).lookupType(message);
  return Buffer.concat([
    headOf(message),
    ...entries.flatMap((entry) => framed(type.encode(type.fromObject(entry)).finish())),
  ]);
}

/** The image with its entries changed; all of them fit the plugin's definitions. */
export function changedImage(message: string, image: Buffer, change: (entry: never) => object | undefined): Buffer {
  const type = protobuf.Root.fromJSON(definitions).lookupType(message);
  const entries: Uint8Array[] = [];
  for (let at = 8; at < image.length; at += 4 + image.readUInt32LE(at)) {
    const entry = type.toObject(type.decode(image.subarray(at + 4, at + 4 + image.readUInt32LE(at))));
    const changed = change(entry as never);
    if (changed) entries.push(type.encode(type.fromObject(changed)).finish());
  }
  return Buffer.concat([image.subarray(0, 8), ...entries.flatMap(framed)]);
}

/** The magic numbers of CRIU's magic.h, of which only the inventory's stands alone; nobody looks at a second one. */
function headOf(message: string): Buffer {
  if (message === 'inventory_entry') return Buffer.from(Uint32Array.of(0x58313116).buffer);
  return Buffer.from(Uint32Array.of(0x54564319, 0).buffer);
}

function framed(body: Uint8Array): Uint8Array[] {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return [length, body];
}
