import { archivesOn, byKubelet, KNOWN_REGISTRY, tagsOf } from './by-kubelet.ts';
import { pod, service } from './manifests.ts';
import { deployment, headless, statefulSet } from './owned.ts';
import { redisPod } from './redis.ts';
import type { Right } from './rights.ts';
import { type Scenario, THERE_AND_BACK } from './scenario.ts';

/** A kind of move of a redis. */
export interface KilledMove {
  readonly rights: readonly Right[];
  /** The redis in the east, and the Service of its name. */
  readonly objects: (scene: Scenario, name: string) => readonly object[];
  /** From node to node in the east instead of from cluster to cluster. */
  readonly within?: true;
  readonly flags?: (scene: Scenario) => readonly string[];
  /** Flags of whoever brings it to its end. */
  readonly flagsAfter?: readonly string[];
  /** What was moved in this way cannot be moved in this way again. */
  readonly once?: true;
  /** Names of what is left of it where neither cluster shows it. */
  readonly leaves?: (scene: Scenario) => Promise<readonly string[]>;
  /** It ends with the source held. */
  readonly held?: true;
}

const BETWEEN = { rights: THERE_AND_BACK } as const;
const WITHIN = { rights: ['within east'], within: true } as const;
const BY_KUBELET = {
  rights: ['east to west by kubelet'],
  flags: byKubelet,
  flagsAfter: KNOWN_REGISTRY,
  once: true,
  leaves: async (scene: Scenario) => {
    const tags = (await tagsOf(scene)) ?? [];
    return [...archivesOn(scene, 'east-2'), ...tags.map((tag) => `tag ${tag}`)];
  },
} as const;
const HELD = { ...BETWEEN, flags: () => ['--hold', '30m'], held: true } as const;

const bare: KilledMove['objects'] = (scene, name) => [
  pod({ ...redisPod(scene, name), node: 'east-2' }),
  service(scene.namespace, name, 6379),
];
const replica: KilledMove['objects'] = (scene, name) => [
  deployment(redisPod(scene, name)),
  service(scene.namespace, name, 6379),
];
const ordinal: KilledMove['objects'] = (scene, name) => [
  statefulSet(redisPod(scene, name)),
  headless(scene.namespace, name, 6379),
];

/** Kinds of moves that together make every write that there is; the most usual one first. */
export const KILLED_MOVES: Readonly<Record<string, KilledMove>> = {
  'a bare pod': { ...BETWEEN, objects: bare },
  'a bare pod, by kubelet': { ...BY_KUBELET, objects: bare },
  'a pod of a StatefulSet, to another node': { ...WITHIN, objects: ordinal },
  'a bare pod, to another node': { ...WITHIN, objects: bare },
  'a pod of a Deployment, to another node': { ...WITHIN, objects: replica },
  'a pod of a Deployment': { ...BETWEEN, objects: replica },
  'a pod of a StatefulSet': { ...BETWEEN, objects: ordinal },
  'a bare pod, held': { ...HELD, objects: bare },
  'a pod of a Deployment, held': { ...HELD, objects: replica },
};
