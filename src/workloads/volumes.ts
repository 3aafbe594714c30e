import type { Plan, PodVolume } from '../domain/plan.ts';
import { PLACEHOLDER_VOLUME } from '../helper/placeholder-spec.ts';
import type { Pod } from '../kube/objects.ts';
import { lastingContainers } from './containers.ts';

/**
 * The volumes of the target pod whose content comes from the source: emptyDirs. One that several containers mount is
 * moved once, through the first that may write to it. Pure.
 */
export function movedVolumes(plan: Plan): PodVolume[] {
  const pod = plan.manifest as unknown as Pod;
  const moved = new Set(
    (pod.spec.volumes ?? [])
      .filter((volume) => volume['emptyDir'] !== undefined && volume.name !== PLACEHOLDER_VOLUME)
      .map((volume) => volume.name),
  );
  const mounts = lastingContainers(pod.spec)
    .filter(({ name }) => plan.source.containers.some((container) => container.name === name))
    .flatMap(({ name: container, volumeMounts = [] }) => volumeMounts.map((mount) => ({ ...mount, container })))
    .filter(({ name }) => moved.has(name))
    .toSorted((a, b) => Number(a.readOnly ?? false) - Number(b.readOnly ?? false));
  const chosen = new Map<string, PodVolume>();
  for (const { container, name, mountPath, subPath, subPathExpr } of mounts) {
    const content = JSON.stringify([name, subPath, subPathExpr]);
    if (!chosen.has(content)) chosen.set(content, { container, name, mountPath: mountPath.replace(/\/+$/, '') });
  }
  return [...chosen.values()];
}
