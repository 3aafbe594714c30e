import type { PersistentVolume } from '../kube/volume-objects.ts';

/**
 * Annotation of a PersistentVolume by which whoever runs the storage says which storage it is: volumes with the same
 * value have the same files, on every node that they can be mounted on.
 */
export const STORAGE_ANNOTATION = 'kubectl-migrate.io/shared-storage';

/**
 * What tells that two PersistentVolumes are the same files: the annotation, or the storage’s own name of them. Undefined
 * where the object does not tell. Pure.
 */
export function backingOf({ metadata, spec }: PersistentVolume): string | undefined {
  const stated = metadata.annotations?.[STORAGE_ANNOTATION];
  if (stated) return `storage ${stated}`;
  if (spec.csi) return `csi ${spec.csi.driver} ${spec.csi.volumeHandle}`;
  return spec.nfs && `nfs ${spec.nfs.server}:${spec.nfs.path}`;
}

/** The directory of a node that a volume is, unless somebody says that all nodes have the same one there. Pure. */
export function nodeDirectory(volume: PersistentVolume): string | undefined {
  const { hostPath, local } = volume.spec;
  return backingOf(volume) === undefined ? (hostPath ?? local)?.path : undefined;
}
