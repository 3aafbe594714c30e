import type { Finding } from '../../domain/finding.ts';
import type { PlannedVolume } from '../../domain/plan.ts';
import type { Pod } from '../../kube/objects.ts';
import type { AccessMode, PersistentVolume } from '../../kube/volume-objects.ts';
import { backingOf, nodeDirectory, STORAGE_ANNOTATION } from '../../volumes/backing.ts';
import { lastingContainers } from '../../workloads/containers.ts';
import type { Facts } from '../facts.ts';
import { claimsOf, type VolumeFacts } from '../volume-facts.ts';

export interface VolumePlan {
  readonly findings: readonly Finding[];
  readonly volumes: readonly PlannedVolume[];
}

interface Case {
  readonly facts: Facts;
  readonly volume: VolumeFacts;
  /** The source pod is deleted before the one that takes its name is made. */
  readonly freesName: boolean;
}

/**
 * Whether the target finds the pod's persistent volumes with the same files in them, and may mount them. `original`: the
 * pod as its author wrote it. Pure.
 */
export function checkVolumes(facts: Facts, original: Pod, freesName: boolean): VolumePlan {
  const judged = facts.volumes.map((volume) => {
    const one = { facts, volume, freesName };
    const against = [...bound(one), ...sameFiles(one), ...mayMount(one), ...keptAtScaling(one)];
    return against.length > 0 ? { findings: against } : planned(one, original);
  });
  return {
    findings: judged.flatMap(({ findings }) => findings),
    volumes: judged.flatMap((each) => ('volumes' in each ? each.volumes : [])),
  };
}

function error(code: Finding['code'], what: string, why: string, remedy: string, field: string): Finding {
  return { code, severity: 'error', what, why, remedy, field };
}

const fieldOf = ({ name }: VolumeFacts) => `spec.volumes[name=${name}].persistentVolumeClaim`;

function bound({ facts: { request, source, target }, volume }: Case): Finding[] {
  const ends = [
    [volume.source, source, request.namespace],
    [volume.target, target, request.targetNamespace],
  ] as const;
  const lacking = ends.find(([end]) => end.volume === undefined);
  if (!lacking) return [];
  const [end, { context }, namespace] = lacking;
  const storage = volume.source.volume && backingOf(volume.source.volume);
  return [
    error(
      'E170',
      `persistentvolumeclaim ${namespace}/${volume.claim} of ${context} ${end.claim ? 'is not bound to a volume' : 'is missing'}`,
      'the files of a persistent volume are not copied: the target pod has to find them there',
      `make one there of that name, bound to a volume with the same files${storage === undefined ? '' : ` (${storage})`}`,
      fieldOf(volume),
    ),
  ];
}

function sameFiles({ facts, volume }: Case): Finding[] {
  const { source, target } = volume;
  if (!source.volume || !target.volume) return [];
  const names = { source: source.volume.metadata.name, target: target.volume.metadata.name };
  const directory = nodeDirectory(source.volume);
  if (directory !== undefined) {
    return [
      error(
        'E171',
        `persistentvolume ${names.source} of claim ${volume.claim} is the directory ${directory} of a node`,
        'another node has other files there, or none',
        `keep the data in a volume that nodes share; where all of them have the same directory there, say so: kubectl --context ${facts.source.context} annotate pv ${names.source} ${STORAGE_ANNOTATION}=NAME`,
        fieldOf(volume),
      ),
    ];
  }
  if (facts.sameCluster && isSame(source.volume, target.volume)) return [];
  const [here, there] = [backingOf(source.volume), backingOf(target.volume)];
  if (here !== undefined && here === there) return [];
  const told = (name: string, backing: string | undefined) => `${name} (${backing ?? 'which does not say what it is'})`;
  return [
    error(
      'E171',
      `claim ${volume.claim} is volume ${told(names.source, here)} in ${facts.source.context} and ${told(names.target, there)} in ${facts.target.context}`,
      'the files of a persistent volume are not copied: the target pod would find others',
      `bind the target’s claim to a volume of the same storage (CSI driver and volumeHandle, or NFS server and path), or say that both are the same by an equal annotation ${STORAGE_ANNOTATION} on the two volumes`,
      fieldOf(volume),
    ),
  ];
}

function isSame(one: PersistentVolume, other: PersistentVolume): boolean {
  return one.metadata.uid !== undefined && one.metadata.uid === other.metadata.uid;
}

/** Many nodes at once, as far as the claim's pods may. */
const MANY: readonly AccessMode[] = ['ReadWriteMany', 'ReadOnlyMany'];

function isForMany({ claim }: VolumeFacts['source']): boolean {
  return (claim?.spec.accessModes ?? []).some((mode) => MANY.includes(mode));
}

function mayMount(one: Case): Finding[] {
  const { facts, volume, freesName } = one;
  const { source, target } = volume;
  if (!source.claim || !target.claim) return [];
  if (source.claim.spec.accessModes?.includes('ReadWriteOncePod')) return [oncePod(one)];
  if (isForMany(source) && isForMany(target)) return [];
  if (!facts.sameCluster || !freesName) return [twoNodes(one)];
  const others = facts.targetPods.filter(
    (pod) =>
      pod.metadata.namespace === facts.request.namespace &&
      pod.metadata.uid !== facts.pod.metadata.uid &&
      claimsOf(pod).some(({ claim }) => claim === volume.claim),
  );
  return others.length === 0 ? [] : [usedByOthers(one, others)];
}

function oncePod({ volume }: Case): Finding {
  return error(
    'E172',
    `claim ${volume.claim} is ReadWriteOncePod`,
    'no second pod may so much as be scheduled with it while the first is there; moving such a pod is not supported yet',
    'make the claim ReadWriteOnce: such a volume changes hands between the nodes of a cluster',
    fieldOf(volume),
  );
}

function twoNodes({ facts, volume }: Case): Finding {
  const modes = (volume.source.claim?.spec.accessModes ?? []).join(', ') || 'of no access mode';
  return error(
    'E172',
    `claim ${volume.claim} is ${modes}, and this move would have it on two nodes at once`,
    facts.sameCluster
      ? 'only a pod that keeps its name lets go of it before the target pod mounts it: a pod of a StatefulSet, or of nobody'
      : 'a volume that one node may mount changes hands only within its cluster',
    facts.sameCluster
      ? 'have the pod owned by a StatefulSet, leave out --to-name, or keep the data in a ReadWriteMany volume'
      : 'keep the data in a ReadWriteMany volume that both clusters mount, or move within the cluster with --to-node',
    fieldOf(volume),
  );
}

function usedByOthers({ facts, volume }: Case, others: readonly Pod[]): Finding {
  const names = others.map(({ metadata }) => metadata.name).join(', ');
  return error(
    'E172',
    `claim ${volume.claim} is used by other pods as well: ${names}`,
    `node ${facts.pod.spec.nodeName} does not let go of a volume that another of its pods has mounted`,
    'end those pods first, or keep the data in a ReadWriteMany volume',
    fieldOf(volume),
  );
}

/** A set that gives up a pod may delete what the pod has stored. */
function keptAtScaling({ facts, volume, freesName }: Case): Finding[] {
  const owner = facts.owners.owners[0];
  const policy = owner?.spec['persistentVolumeClaimRetentionPolicy'] as { whenScaled?: string } | undefined;
  if (owner?.kind !== 'StatefulSet' || policy?.whenScaled !== 'Delete' || freesName) return [];
  const { name } = owner.metadata;
  return [
    error(
      'E172',
      `statefulset ${name} deletes claim ${volume.claim} when it has a pod less`,
      'the files would go with it, while the target pod uses them',
      `kubectl --context ${facts.source.context} -n ${facts.request.namespace} patch statefulset ${name} --type merge -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Retain"}}}'`,
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled',
    ),
  ];
}

function planned({ facts, volume, freesName }: Case, original: Pod) {
  const { name, claim, source, target } = volume;
  if (!source.volume || !target.volume) throw new Error('a volume that is not bound is declined');
  const isOne = facts.sameCluster && isSame(source.volume, target.volume);
  const mounts = lastingContainers(original.spec).flatMap(({ name: container, volumeMounts = [] }) =>
    volumeMounts.filter((mount) => mount.name === name).map(({ mountPath }) => ({ container, mountPath })),
  );
  const one: PlannedVolume = {
    name,
    claim,
    bound: { source: source.volume.metadata.name, target: target.volume.metadata.name },
    sameBy: isOne ? 'the same volume' : (backingOf(source.volume) ?? ''),
    mounting: freesName ? 'handed-over' : 'shared',
    mounts,
  };
  return { findings: [usedInPlace(facts, one, source.volume)], volumes: [one] };
}

function usedInPlace(facts: Facts, volume: PlannedVolume, { spec }: PersistentVolume): Finding {
  const how =
    volume.mounting === 'handed-over'
      ? `node ${facts.pod.spec.nodeName} unmounts it when the source pod is gone, and only then the target’s node mounts it`
      : 'both nodes have it mounted during the move, and only one of the two pods ever runs';
  const deleted = spec.persistentVolumeReclaimPolicy === 'Delete' && volume.sameBy !== 'the same volume';
  return {
    code: 'W220',
    severity: 'warning',
    what: `the files of claim ${volume.claim} stay where they are (${volume.sameBy}): ${how}`,
    why: 'a persistent volume is not copied; the processes find their files in the target as they left them',
    remedy: deleted
      ? `do not delete claim ${volume.claim} of ${facts.source.context} as long as the target uses it: volume ${volume.bound.source} would delete the files`
      : 'nothing to do',
    field: `spec.volumes[name=${volume.name}].persistentVolumeClaim`,
  };
}
