import type { Outcome } from '../src/domain/errors.ts';
import { pushFolder, saveImage } from '../src/transfer/registry/image-folder.ts';
import { type ImageRef, parseImage } from '../src/transfer/registry/reference.ts';
import type { Registry } from '../src/transfer/registry/registry.ts';
import { bytes } from '../src/ui/format.ts';
import { structured } from './flags/output.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { output } from './output.ts';
import { registryFor } from './registry.ts';
import type { Streams } from './streams.ts';

interface HelperImageOptions extends RegistryFlags {
  readonly image: string;
  readonly folder: string;
  readonly output: 'table' | 'json' | 'yaml';
}

/** Brings the helper image from a registry into a folder. */
export async function saveHelper(options: HelperImageOptions, streams: Streams): Promise<Outcome> {
  const image = imageOf(options.image);
  const saved = await withRegistry(image, options, streams, (registry) =>
    saveImage(registry, image.reference, options.folder, streams.interrupt),
  );
  const fact = `${options.folder} holds ${saved.digest}, ${bytes(saved.bytes)}\n`;
  output(structured(options.output), streams).result({ folder: options.folder, ...saved }, () => fact);
  return 'done';
}

/** Sends the helper image of such a folder to a registry. */
export async function pushHelper(options: HelperImageOptions, streams: Streams): Promise<Outcome> {
  const image = imageOf(options.image);
  const pushed = await withRegistry(image, options, streams, (registry) =>
    pushFolder(registry, options.folder, image.reference, streams.interrupt),
  );
  const name = `${image.host}/${image.repository}@${pushed.digest}`;
  output(structured(options.output), streams).result({ image: name, ...pushed }, () => `${name}\n`);
  return 'done';
}

function imageOf(text: string): ImageRef {
  const image = parseImage(text);
  if (!image) throw new Error('validated before');
  return image;
}

async function withRegistry<T>(
  image: ImageRef,
  options: HelperImageOptions,
  streams: Streams,
  act: (registry: Registry) => Promise<T>,
): Promise<T> {
  const registry = registryFor(image, options, streams.env);
  try {
    return await act(registry);
  } finally {
    registry.close();
  }
}
