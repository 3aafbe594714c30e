import type { Side } from '../domain/refs.ts';
import type { Pod } from '../kube/objects.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../kube/volume-objects.ts';

/** A volume of the pod that is a claim, and what is behind that on one side. */
export interface VolumeEnd {
  readonly claim: PersistentVolumeClaim | undefined;
  /** Undefined where the claim is not bound. */
  readonly volume: PersistentVolume | undefined;
}

/** One volume of the pod that is a PersistentVolumeClaim. */
export interface VolumeFacts extends Readonly<Record<Side, VolumeEnd>> {
  /** Its name in the pod's spec. */
  readonly name: string;
  readonly claim: string;
}

/** The claims that a pod's volumes are. Pure. */
export function claimsOf(pod: Pod): { readonly name: string; readonly claim: string }[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const source = volume['persistentVolumeClaim'] as { claimName: string } | undefined;
    return source ? [{ name: volume.name, claim: source.claimName }] : [];
  });
}

/** Reads the claims of a pod, by their names on both sides, and the volumes that they are bound to. */
export async function readVolumes(
  pod: Pod,
  clusters: Readonly<Record<Side, ClusterReader>>,
  namespaces: Readonly<Record<Side, string>>,
  options: ReadOptions,
): Promise<VolumeFacts[]> {
  const end = async (side: Side, name: string): Promise<VolumeEnd> => {
    const cluster = clusters[side];
    const claim = await cluster.get<PersistentVolumeClaim>(RESOURCES.persistentVolumeClaim, name, {
      ...options,
      namespace: namespaces[side],
    });
    const bound = claim?.spec.volumeName;
    if (!bound || claim.status?.phase !== 'Bound') return { claim, volume: undefined };
    return { claim, volume: await cluster.get<PersistentVolume>(RESOURCES.persistentVolume, bound, options) };
  };
  return Promise.all(
    claimsOf(pod).map(async ({ name, claim }) => {
      const [source, target] = await Promise.all([end('source', claim), end('target', claim)]);
      return { name, claim, source, target };
    }),
  );
}

/** The persistent volumes that the target pod would mount. Pure. */
export function boundIn(volumes: readonly VolumeFacts[]): PersistentVolume[] {
  return volumes.flatMap(({ target }) => target.volume ?? []);
}
