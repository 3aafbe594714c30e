import type { Effect } from '../domain/effect.ts';
import { asMigrateError } from '../domain/errors.ts';
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
 * Sends every write of a plan to a gateway that only lets the servers check (`serverDryRun`). What needs an object that
 * is not there before the move is told as not checkable, never as accepted. Changes nothing.
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
      const write = writes.find((each) => each.effect === effect);
      const obstacle = write?.obstacle ?? dependency(effect, write, plan);
      if (obstacle !== undefined) return { effect, verdict: 'not checkable', why: obstacle };
      try {
        await send(plan, write ?? { effect }, gateway, options);
        return { effect, verdict: 'accepted', why: write?.standIn === undefined ? '' : `with ${write.standIn}` };
      } catch (error) {
        const { code, detail } = asMigrateError(error);
        if (code === 'F306' || code === 'F399') throw error;
        if (code === 'F314') return { effect, verdict: 'not checkable', why: `is not there now: ${detail}` };
        return { effect, verdict: 'refused', why: `${code} ${detail}` };
      }
    }),
  );
}

/** Why an effect cannot be asked about before others have been carried out; undefined when it can. */
function dependency(effect: Effect, write: Write | undefined, { effects, oneCluster }: Plan): string | undefined {
  const { verb, object } = effect;
  if (verb === 'exec') return 'opens a stream into a pod that the move makes first';
  if (verb === 'checkpoint') return 'is asked of the kubelet, which checks nothing beforehand';
  const makes = ({ verb: one }: Effect) => one === 'create' || one === 'apply';
  const made = effects.filter(
    (each) => makes(each) && !each.undoes && (oneCluster || each.object.side === object.side),
  );
  const namespace = made.find(
    (each) =>
      each.object.kind === 'Namespace' && each.object.name === object.namespace && object.namespace !== undefined,
  );
  if (namespace) return `needs ${objectName(namespace.object)}, which the move makes first`;
  // Of an object that is there already, the writes are known.
  if (write) return undefined;
  const same = made.find((each) => each.object.kind === object.kind && objectName(each.object) === objectName(object));
  if (!makes(effect) && same) return 'the move makes it first';
  if (object.name.endsWith('-*')) return 'a controller makes it during the move';
  return verb === 'delete' ? undefined : 'its content is known only during the move';
}

async function send(plan: Plan, write: Write, gateway: Gateway, options: ReadOptions): Promise<void> {
  const { effect, name } = write;
  const resource = resourceOf(effect);
  const { verb } = effect;
  const object = { ...effect.object, ...(name !== undefined && { name }) };
  const whole = write.body as unknown as KubeObject;
  if (verb === 'create') await gateway.create(object.side, resource, whole, options);
  else if (verb === 'apply')
    await gateway.apply(object.side, resource, whole, { ...options, force: write.force === true });
  else if (verb === 'patch') {
    const form = write.form === 'json' ? 'json' : 'merge';
    await gateway.patch({ ...object, resource }, form, write.body ?? {}, options);
  } else {
    const { source } = plan;
    const isSource = object.side === 'source' && object.kind === 'Pod' && object.name === source.pod;
    await gateway.delete({ ...object, resource }, { ...options, ...(isSource && { uid: source.uid }) });
  }
}
