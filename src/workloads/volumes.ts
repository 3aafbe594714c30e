import type { Plan } from '../domain/plan.ts';
import { PLACEHOLDER_VOLUME } from '../helper/placeholder-spec.ts';
import type { MovedVolume } from '../helper/protocol.ts';
import type { Pod } from '../kube/objects.ts';

/** The volumes of the target pod whose content comes from the source: emptyDirs, wherever they are mounted. Pure. */
export function movedVolumes(plan: Plan): MovedVolume[] {
  const pod = plan.manifest as unknown as Pod;
  const moved = new Set(
    (pod.spec.volumes ?? [])
      .filter((volume) => volume['emptyDir'] !== undefined && volume.name !== PLACEHOLDER_VOLUME)
      .map((volume) => volume.name),
  );
  return pod.spec.containers.flatMap((container) =>
    (container.volumeMounts ?? [])
      .filter((mount) => moved.has(mount.name))
      .map(({ name, mountPath }) => ({ name, mountPath: mountPath.replace(/\/+$/, '') })),
  );
}
