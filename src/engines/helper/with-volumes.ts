import type { Plan, PlannedVolume, PodVolume } from '../../domain/plan.ts';

/**
 * Containers, each with the volumes that are read through it. `ids`: those that stand for the source's containers, in
 * their order. Pure.
 */
export function withVolumes({ source: { containers } }: Plan, ids: readonly string[], volumes: readonly PodVolume[]) {
  const own = (container: string | undefined) => volumes.filter((volume) => volume.container === container);
  const bare = ({ name, mountPath }: PodVolume) => ({ name, mountPath });
  return ids.map((id, index) => ({ id, volumes: own(containers[index]?.name).map(bare) }));
}

/** The containers that are stopped with those that move, as the helper is told of them. Pure. */
export function siblings({ source: { afresh } }: Plan): { siblings?: string[] } {
  return afresh ? { siblings: afresh.map(({ id }) => id) } : {};
}

/** Where each container of a plan sees persistent volumes: all of them, or those of one way of mounting. Pure. */
export function mountsInPlace({ source, volumes }: Plan, mounting?: PlannedVolume['mounting']): string[][] {
  const mounts = volumes
    .filter((volume) => mounting === undefined || volume.mounting === mounting)
    .flatMap((volume) => volume.mounts);
  return source.containers.map(({ name }) =>
    mounts.filter(({ container }) => container === name).map(({ mountPath }) => mountPath),
  );
}
