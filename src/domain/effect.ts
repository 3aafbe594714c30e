import type { Phase } from './phase.ts';
import { type ObjectRef, objectName } from './refs.ts';

/**
 * What is done to an object. `exec` opens a stream into a pod of ours, `checkpoint` asks a node's kubelet for an archive
 * of a container, `apply` is a server-side apply that may make the object; everything else is the API verb.
 */
export type Verb = 'create' | 'apply' | 'patch' | 'delete' | 'exec' | 'checkpoint';

/**
 * One change to one cluster, declared by a plan. The gateway performs declared effects and nothing else.
 * `undoes` marks acts that happen only on the way back; they are declared too, but are not shown as part of the way forward.
 */
export interface Effect {
  readonly step: string;
  readonly phase: Phase;
  readonly verb: Verb;
  readonly object: ObjectRef;
  /** What changes, in a few words: `selector -> endpoints of west`. */
  readonly detail: string;
  readonly undoes?: boolean;
}

/**
 * Whether an act is one of the effects. An effect on an object that a controller gives its name to ends its name with a
 * star: `web-*`.
 */
export function declares(effects: readonly Effect[]): (act: { verb: Verb; object: ObjectRef }) => boolean {
  const keys = effects.map(effectKey);
  const exact = new Set(keys);
  const prefixes = keys.filter((key) => key.endsWith('-*')).map((key) => key.slice(0, -1));
  return (act) => exact.has(effectKey(act)) || prefixes.some((prefix) => effectKey(act).startsWith(prefix));
}

/** Identity of an effect for the gateway: two effects with the same key allow the same act. */
export function effectKey(effect: { verb: Verb; object: ObjectRef }): string {
  const { side, apiVersion } = effect.object;
  return [side, effect.verb, apiVersion, objectName(effect.object)].join(' ');
}
