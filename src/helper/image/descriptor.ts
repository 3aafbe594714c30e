import path from 'node:path';
import protobuf from 'protobufjs';

/** CRIU's definitions that the helper reads images by, and all that they import. */
const DEFINITIONS = [
  ...['core.proto', 'mnt.proto', 'pagemap.proto', 'seccomp.proto', 'fdinfo.proto', 'inventory.proto'],
  ...['netdev.proto', 'pstree.proto'],
];

/**
 * CRIU's own protobuf definitions as the JSON that protobufjs reads. `images`: the folder `images` of CRIU's source, as
 * it was compiled. `besides`: files there that the helper has no use for. The same for the same source.
 */
export function criuDescriptor(images: string, besides: readonly string[] = []): string {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => path.join(images, target.replace(/^.*\/images\//, ''));
  root.loadSync(
    [...DEFINITIONS, ...besides].map((name) => path.join(images, name)),
    { keepCase: true },
  );
  return JSON.stringify(root.toJSON());
}
