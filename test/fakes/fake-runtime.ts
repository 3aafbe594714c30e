import { TarReader } from '../../src/archive/tar-reader.ts';
import type { MemoryRegistry } from './memory-registry.ts';

/**
 * What a runtime finds when it pulls images of a repository: the image that a container of each is of, undefined where
 * the registry does not have it. A container of a checkpoint is of the image that the checkpoint was taken of, by what
 * its archive says. Images of other repositories are there, and none of them is a checkpoint.
 */
export function pullingFrom(registry: MemoryRegistry, repository: string): (image: string) => string | undefined {
  return (image) => {
    if (!image.startsWith(`${repository}@`)) return image;
    const body = registry.manifests.get(image.slice(repository.length + 1));
    if (!body) return undefined;
    const { annotations, layers } = JSON.parse(body.toString()) as Manifest;
    if (annotations?.['org.criu.checkpoint.container.name'] === undefined) return image;
    const archive = registry.blobs.get(layers[0]?.digest ?? '');
    return archive && imageOf(archive);
  };
}

interface Manifest {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly layers: readonly { readonly digest: string }[];
}

function imageOf(archive: Buffer): string {
  const config: Buffer[] = [];
  const tar = new TarReader({ maxEntries: 1000, maxPaths: 100_000, maxBytes: archive.length }, ({ path }) =>
    path === 'config.dump' ? (chunk) => config.push(Buffer.from(chunk)) : undefined,
  );
  tar.write(archive);
  return (JSON.parse(Buffer.concat(config).toString()) as { rootfsImageRef: string }).rootfsImageRef;
}
