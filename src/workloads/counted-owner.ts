import { setTimeout } from 'node:timers/promises';
import { failureCode, MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { COUNTED_LABEL, HELD_LABEL } from '../domain/names.ts';
import type { Plan } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf, type OwnerObject } from '../kube/owner-objects.ts';
import { condition } from '../kube/pod-status.ts';
import type { Resource, Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { siblingsOf } from './owner-facts.ts';
import type { Reading, WorkloadContext } from './workload.ts';

/** Between two looks at an owner's pods, in ms. */
const LOOK_MS = 500;
/** How often a change that somebody else's write got ahead of is tried again. */
const CONFLICT_TRIES = 5;

/** A merge patch of an owner that says what else changes with the number of pods. */
export type Recount = (owner: OwnerObject) => { readonly [field: string]: Json };

type Ends = Pick<Plan, 'source' | 'target'>;
type Kind = Pick<Resource, 'apiVersion' | 'kind'>;

/** An object beside the pod, as an effect names it. Pure. */
export function refOf(plan: Ends, side: Side, { apiVersion, kind }: Kind, name: string): ObjectRef {
  return { side, apiVersion, kind, namespace: plan[side].namespace, name };
}

/** The same as the gateway takes it. Pure. */
export function ownerRef(plan: Ends, side: Side, resource: Resource, name: string) {
  return { ...refOf(plan, side, resource, name), resource };
}

/** Reads an owner of either side. */
export function readOwner(context: Reading, side: Side, resource: Resource, name: string) {
  const { plan, signal } = context;
  return context[side].get<OwnerObject>(resource, name, { namespace: plan[side].namespace, signal });
}

/** Throws F344 unless the source's owner is the one that the plan was made for, with the same spec. */
export function checkAsPlanned(
  plan: Plan,
  planned: { readonly name: string; readonly uid: string; readonly generation: number },
  owner: OwnerObject | undefined,
): OwnerObject {
  const { uid, generation } = owner?.metadata ?? {};
  if (owner && uid === planned.uid && generation === planned.generation) return owner;
  const what = owner ? (uid === planned.uid ? 'was changed' : 'was replaced') : 'was removed';
  throw changed(`the owner ${plan.source.namespace}/${planned.name} of ${plan.source.context} ${what}`);
}

/** F344. Pure. */
export function changed(what: string): MigrateError {
  return new MigrateError('F344', {
    detail: `${what} while the pod was being moved`,
    remedy: 'see that nothing rolls out or scales it, then try again',
  });
}

/**
 * Marks an owner as held by this migration. What its controller writes to its status in the same moment is no reason against
 * it. Throws F315 when another holds it, or changed what it says.
 */
export async function hold(context: WorkloadContext, side: Side, resource: Resource, owner: OwnerObject) {
  const { plan, gateway, signal } = context;
  const { name, uid, generation } = owner.metadata;
  for (let [tries, current] = [1, owner]; ; tries++) {
    const { labels, resourceVersion } = current.metadata;
    const holder = labels?.[HELD_LABEL];
    if (holder === plan.id) return;
    if (holder !== undefined) throw heldByOther(plan, side, resource, name, holder);
    const mark = { metadata: { labels: { [HELD_LABEL]: plan.id }, resourceVersion } };
    try {
      await gateway.patch(ownerRef(plan, side, resource, name), 'merge', mark, { signal });
      return;
    } catch (error) {
      if (failureCode(error) !== 'F315' || tries >= CONFLICT_TRIES) throw error;
      const now = await readOwner(context, side, resource, name);
      if (!now || now.metadata.uid !== uid || now.metadata.generation !== generation) throw error;
      current = now;
    }
  }
}

function heldByOther(plan: Plan, side: Side, resource: Resource, name: string, holder: string): MigrateError {
  const { context, namespace } = plan[side];
  const object = `${resource.kind.toLowerCase()} ${name}`;
  return new MigrateError('F315', {
    detail: `${object} of ${context}/${namespace} is held by migration ${holder}`,
    outcome: 'locked',
    remedy: `wait for it; if it is over and did not finish: kubectl --context ${context} -n ${namespace} label ${object} ${HELD_LABEL}- ${COUNTED_LABEL}-`,
  });
}

/** Takes this migration's marks away. Idempotent; leaves another's alone. */
export async function letGo(context: WorkloadContext, side: Side, resource: Resource, name: string): Promise<void> {
  const { plan, gateway, signal } = context;
  const owner = await readOwner(context, side, resource, name);
  if (owner?.metadata.labels?.[HELD_LABEL] !== plan.id) return;
  const labels = { [HELD_LABEL]: null, [COUNTED_LABEL]: null };
  await gateway.patch(ownerRef(plan, side, resource, name), 'merge', { metadata: { labels } }, { signal });
}

/**
 * Whether an owner that is there bears no mark of this migration: on the way back an earlier process let it go, and with
 * the mark went what says that its pods are counted. Read-only.
 */
export async function isLetGo(context: Reading, side: Side, resource: Resource, name: string): Promise<boolean> {
  const owner = await readOwner(context, side, resource, name);
  return owner !== undefined && owner.metadata.labels?.[HELD_LABEL] !== context.plan.id;
}

/** Throws F344 unless every other pod of the source's owner is Ready: its controller deletes one that is not first. */
export async function checkSiblings(context: WorkloadContext): Promise<void> {
  const { plan, source, signal } = context;
  const { namespace, pod: name, uid } = plan.source;
  const pods = await source.list<Pod>(RESOURCES.pod, { namespace, signal });
  const pod = pods.find((one) => one.metadata.uid === uid);
  if (!pod) throw changed(`pod ${namespace}/${name} was removed`);
  const unready = siblingsOf(pod, pods).find((one) => !isSettled(one));
  if (unready) throw changed(`pod ${namespace}/${unready.metadata.name} of the same owner became not ready`);
}

/**
 * Waits until every other pod of the source's owner is Ready, as long as the source pod is there; the step's deadline ends
 * it. For after the commit, where there is no way but forward.
 */
export async function siblingsSettle(context: WorkloadContext): Promise<void> {
  const { plan, source, signal, waiting } = context;
  const { namespace, uid } = plan.source;
  for (;;) {
    const pods = await source.list<Pod>(RESOURCES.pod, { namespace, signal });
    const pod = pods.find((one) => one.metadata.uid === uid);
    const unready = pod && siblingsOf(pod, pods).find((one) => !isSettled(one));
    if (!unready) return;
    waiting(`pod ${namespace}/${unready.metadata.name} of the same owner is not ready`);
    await setTimeout(LOOK_MS, undefined, { signal });
  }
}

/** Whether a pod is Ready and stays. Pure. */
export function isSettled(pod: Pod): boolean {
  return condition(pod, 'Ready').met && pod.metadata.deletionTimestamp === undefined;
}

/**
 * Makes an owner want one pod more or less, once, and waits until its controller has acted on that. A write of somebody
 * else in between is looked at anew: an autoscaler's number counts, and one more or less than that is wanted.
 */
export async function recount(
  context: WorkloadContext,
  side: Side,
  resource: Resource,
  name: string,
  change: Recount,
  mark = context.plan.id,
): Promise<void> {
  const { plan, gateway, signal } = context;
  for (let tries = 1; ; tries++) {
    const owner = await readOwner(context, side, resource, name);
    // Somebody has deleted it: nobody will make a pod in its name, and there is nothing to count.
    if (!owner || owner.metadata.labels?.[COUNTED_LABEL] === mark) return;
    const { resourceVersion } = owner.metadata;
    const metadata = { resourceVersion, labels: { [HELD_LABEL]: plan.id, [COUNTED_LABEL]: mark } };
    try {
      await gateway.patch(ownerRef(plan, side, resource, name), 'merge', { metadata, ...change(owner) }, { signal });
      return;
    } catch (error) {
      if (failureCode(error) !== 'F315' || tries >= CONFLICT_TRIES) throw error;
    }
  }
}

/** The mark of a change that takes one of this migration's back. Pure. */
export function backMark({ id }: Pick<Plan, 'id'>): string {
  return `${id}-back`;
}

/** Waits until an owner satisfies `check`, which sees only what its controller has observed. */
export async function ownerSettles(
  context: WorkloadContext,
  side: Side,
  resource: Resource,
  name: string,
  what: string,
  check: (owner: OwnerObject) => Verdict = () => ({ done: true }),
): Promise<OwnerObject | undefined> {
  const { plan, signal, waiting } = context;
  const { namespace, context: cluster } = plan[side];
  const seen = (owner: OwnerObject | undefined): Verdict => {
    if (!owner) return { done: true };
    const observed = (owner.status?.observedGeneration ?? 0) >= (owner.metadata.generation ?? 0);
    return observed ? check(owner) : { done: false, why: 'its controller has not seen the change yet' };
  };
  return context[side].waitFor<OwnerObject>(resource, { namespace, name }, seen, {
    name: `${resource.kind.toLowerCase()} ${namespace}/${name} in ${cluster} ${what}`,
    deadlineMs: plan.deadlines.readyTimeout,
    flag: '--ready-timeout',
    signal,
    onProgress: waiting,
  });
}

/** Gives the target pod its labels back and waits until its owner has adopted it. Idempotent. */
export async function adopt(
  context: WorkloadContext,
  labels: Readonly<Record<string, string>>,
  owner: { readonly kind: string; readonly uid: string | undefined },
): Promise<void> {
  const { plan, target, gateway, signal, waiting } = context;
  const { namespace, pod: name } = plan.target;
  const ref = { side: 'target', ...RESOURCES.pod, namespace, name, resource: RESOURCES.pod } as const;
  await gateway.patch(ref, 'merge', { metadata: { labels } }, { signal });
  const adopted = (pod: Pod | undefined): Verdict => {
    if (!pod) return { done: false, why: 'the pod is not there' };
    return controllerOf(pod)?.uid === owner.uid ? { done: true } : { done: false, why: 'not adopted yet' };
  };
  await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, adopted, {
    name: `pod ${namespace}/${name} in ${plan.target.context} to be adopted by its ${owner.kind}`,
    deadlineMs: plan.deadlines.readyTimeout,
    flag: '--ready-timeout',
    signal,
    onProgress: waiting,
  });
}
