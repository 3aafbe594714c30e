import type { Phase } from './phase.ts';
import { type ObjectRef, objectName } from './refs.ts';

/**
 * What is done to an object. `exec` opens a stream into a pod of ours, `checkpoint` asks a node's kubelet for an archive
 * of a container; everything else is the API verb.
 */
export type Verb = 'create' | 'patch' | 'delete' | 'exec' | 'checkpoint';

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

/** Identity of an effect for the gateway: two effects with the same key allow the same act. */
export function effectKey(effect: { verb: Verb; object: ObjectRef }): string {
  const { side, apiVersion } = effect.object;
  return [side, effect.verb, apiVersion, objectName(effect.object)].join(' ');
}
