import type { Descriptor } from './descriptor.ts';

/** Media types of the OCI image-spec 1.1. */
export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/**
 * By which a runtime takes an image for a checkpoint: containerd looks for the first on the manifest
 * (internal/cri/server/container_checkpoint_linux.go), CRI-O for the second (internal/lib/restore.go).
 */
const annotationsFor = (container: string) => ({
  'org.criu.checkpoint.container.name': container,
  'io.kubernetes.cri-o.annotations.checkpoint.name': container,
});

/** The configuration of an image of one uncompressed layer. `architecture` as Go names it: `amd64`. Pure. */
export function imageConfig(architecture: string, layer: Descriptor): Buffer {
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  return Buffer.from(JSON.stringify({ architecture, os: 'linux', config: {}, rootfs }));
}

/** The manifest of an image of one uncompressed layer; with a container's name it is a checkpoint of that. Pure. */
export function imageManifest(config: Descriptor, layer: Descriptor, container?: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...config },
      layers: [{ mediaType: LAYER, ...layer }],
      ...(container !== undefined && { annotations: annotationsFor(container) }),
    }),
  );
}
