import type { Pod } from '../kube/objects.ts';
import { movedMetadata, pinned, replacedParts } from './placeholder-pod.ts';

export interface RestoredPodOptions {
  /** The source pod as its author wrote it (`originalPod`). */
  readonly original: Pod;
  readonly migration: string;
  readonly namespace: string;
  readonly node: string;
  /** The checkpoint as an image. */
  readonly image: string;
}

/**
 * The target pod whose image is a checkpoint, for a runtime that restores it: the source's spec otherwise, because a
 * runtime refuses mounts that it does not find there (CVE-2024-8676). The image is asked for at every start: once the
 * checkpoint is removed, a container that crashes stays down instead of going back to an old memory. Pure.
 */
export function restoredPod({ original, migration, namespace, node, image }: RestoredPodOptions): Pod {
  const [container, ...others] = original.spec.containers;
  if (!container) throw new Error('a pod has at least one container');
  const { name, imagePullPolicy } = container;
  const parts = replacedParts(original.spec);
  const ofImage = { image: container.image, ...(imagePullPolicy !== undefined && { imagePullPolicy }) };
  const replaced = { ...parts, containers: { ...parts.containers, [name]: { ...parts.containers[name], ...ofImage } } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: movedMetadata(original, namespace, migration, replaced),
    spec: {
      ...original.spec,
      affinity: pinned(original.spec.affinity, node),
      containers: [{ ...container, image, imagePullPolicy: 'Always' }, ...others],
    },
  };
}
