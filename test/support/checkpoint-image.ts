import { imageConfig, imageManifest } from '../../src/archive/checkpoint-image.ts';
import type { Descriptor } from '../../src/archive/descriptor.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/pushed-images.ts';

/** The manifest of a checkpoint whose archive a registry has; sends it all that the manifest names beside that. */
export async function checkpointManifest(to: CheckpointStore, archive: Descriptor, container = 'main') {
  const config = imageConfig('amd64', archive);
  return imageManifest(await to.upload(config, config.length), archive, container);
}
