import type { Effect } from '../domain/effect.ts';
import { asMigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import type { Plan } from '../domain/plan.ts';
import { objectName } from '../domain/refs.ts';
import type { Write } from '../domain/write.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Gateway, ReadOptions } from '../kube/ports.ts';
import { resourceOf } from './planned-writes.ts';

/** What the API servers say of one effect of a plan, without doing it. */
export interface Rehearsed {
  readonly effect: Effect;
  /** `not checkable` is neither: nothing was asked. */
  readonly verdict: 'accepted' | 'refused' | 'not checkable';
  /** Why not, or on what it depends; '' for what was accepted. */
  readonly why: string;
}

/**
 * Sends every write of a plan that can stand for itself to a gateway that only lets the servers check (`serverDryRun`).
 * What needs an object that the move makes first is told as not checkable, never as accepted. Changes nothing.
 */
export async function rehearse(
  plan: Plan,
  writes: readonly Write[],
  gateway: Gateway,
  options: ReadOptions = {},
): Promise<Rehearsed[]> {
  const forward = plan.effects.filter(({ undoes }) => !undoes);
  return Promise.all(
    forward.map(async (effect): Promise<Rehearsed> => {
      const obstacle = dependency(effect, forward);
      if (obstacle !== undefined) return { effect, verdict: 'not checkable', why: obstacle };
      const write = writes.find((each) => each.effect === effect);
      if (write === undefined && effect.verb !== 'delete') {
        return { effect, verdict: 'not checkable', why: 'its content is known only during the move' };
      }
      try {
        await send(plan, effect, write, gateway, options);
        return { effect, verdict: 'accepted', why: '' };
      } catch (error) {
        const { code, detail } = asMigrateError(error);
        if (code === 'F306' || code === 'F399') throw error;
        return { effect, verdict: 'refused', why: `${code} ${detail}` };
      }
    }),
  );
}

/** Why an effect cannot be asked about before others have been carried out; undefined when it can. */
function dependency({ verb, object }: Effect, all: readonly Effect[]): string | undefined {
  if (verb === 'exec') return 'opens a stream into a pod that the move makes first';
  if (verb === 'checkpoint') return 'is asked of the kubelet, which checks nothing beforehand';
  const makes = ({ verb: one }: Effect) => one === 'create' || one === 'apply';
  const made = all.filter((each) => makes(each) && each.object.side === object.side);
  const namespace = made.find(
    (each) =>
      each.object.kind === 'Namespace' && each.object.name === object.namespace && object.namespace !== undefined,
  );
  if (namespace) return `needs ${objectName(namespace.object)}, which the move makes first`;
  const same = made.find((each) => each.object.kind === object.kind && objectName(each.object) === objectName(object));
  return verb !== 'create' && verb !== 'apply' && same
    ? `needs ${objectName(object)}, which the move makes first`
    : undefined;
}

async function send(
  plan: Plan,
  effect: Effect,
  write: Write | undefined,
  gateway: Gateway,
  options: ReadOptions,
): Promise<void> {
  const resource = resourceOf(effect);
  const { object, verb } = effect;
  const whole = write?.body as unknown as KubeObject;
  if (verb === 'create') await gateway.create(object.side, resource, whole, options);
  else if (verb === 'apply') await gateway.apply(object.side, resource, whole, options);
  else if (verb === 'patch') {
    await gateway.patch(
      { ...object, resource },
      write?.form === 'json' ? 'json' : 'merge',
      (write?.body ?? {}) as Json,
      options,
    );
  } else {
    const { source } = plan;
    const isSource = object.side === 'source' && object.kind === 'Pod' && object.name === source.pod;
    await gateway.delete({ ...object, resource }, { ...options, ...(isSource && { uid: source.uid }) });
  }
}
