import type { Json } from '../domain/json.ts';
import type { Plan, ReliedOn } from '../domain/plan.ts';
import { describeRef, type Side } from '../domain/refs.ts';
import { tellable } from '../domain/withheld.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';

/** One thing that is not as a plan found it. */
export interface Drift {
  /** `source pod shop/cart-0`, or `plan` for what the plan would now say otherwise. */
  readonly where: string;
  /** In dotted notation. */
  readonly field: string;
  readonly what: string;
}

/** What is different each time a plan is made, or only tells about a moment: the same plan without it. */
const OF_THE_MOMENT = [
  /^createdAt$/,
  /^digest$/,
  /^forecast(\.|$)/,
  /^warnings(\.|$)/,
  /^reliedOn(\.|$)/,
  // The uids of objects are what tells clusters apart; addresses and names of contexts differ from machine to machine.
  /^(source|target)\.(context|server)$/,
  // Status: a plan that is made anew has the present ones.
  /^source\.addresses(\.|$)/,
  /^source\.(containers|afresh)\.\d+\.(id|restartCount)$/,
  /^request\.(targetNode|forceUnlock)$/,
];

/**
 * Every difference between a plan and the one that the same request leads to now: objects that were replaced, fields that
 * were changed, and what the plan would do otherwise. Empty when the new one is the same in all that matters. Pure.
 */
export function driftBetween(planned: Plan, now: Plan): Drift[] {
  const objects = planned.reliedOn.flatMap((before) => objectDrift(before, now.reliedOn));
  const known = new Set(planned.reliedOn.map(({ object }) => describeRef(object)));
  const more = now.reliedOn
    .filter(({ object }) => !known.has(describeRef(object)))
    .map(({ object }) => ({ where: describeRef(object), field: 'metadata.name', what: 'was not there' }));
  const rest = differences(planned as unknown as Json, now as unknown as Json, '').filter(
    ({ field }) => !OF_THE_MOMENT.some((pattern) => pattern.test(field)),
  );
  return [...objects, ...more, ...rest];
}

/**
 * Objects that a plan was made from and that are gone or replaced by others of their name. Looked for by themselves,
 * because the planner would only say what is wrong with the new one. Throws F310 to F317.
 */
export async function replacedObjects(
  planned: Pick<Plan, 'reliedOn'>,
  readers: Readonly<Record<Side, ClusterReader>>,
  options: ReadOptions = {},
): Promise<Drift[]> {
  const drift = await Promise.all(
    planned.reliedOn.map(async (before): Promise<Drift[]> => {
      const { side, kind, apiVersion, name, namespace } = before.object;
      const resource = Object.values(RESOURCES).find((each) => each.kind === kind && each.apiVersion === apiVersion);
      if (before.uid === null || !resource) return [];
      const place = { ...options, ...(namespace !== undefined && { namespace }) };
      const found = await readers[side].get(resource, name, place);
      if (found?.metadata.uid === before.uid) return [];
      return [
        { where: describeRef(before.object), field: 'metadata.uid', what: replaced(before.uid, found?.metadata.uid) },
      ];
    }),
  );
  return drift.flat();
}

function replaced(was: string, is: string | undefined | null): string {
  return `was ${was}, is ${is ? `${is}: another object of that name` : 'gone'}`;
}

function objectDrift(before: ReliedOn, all: readonly ReliedOn[]): Drift[] {
  const where = describeRef(before.object);
  const now = all.find(({ object }) => describeRef(object) === where);
  if (now === undefined) return [{ where, field: 'metadata.name', what: 'is gone' }];
  if (now.uid !== before.uid) {
    const what = before.uid === null ? 'was not there' : replaced(before.uid, now.uid);
    return [{ where, field: 'metadata.uid', what }];
  }
  const fields = new Set([...Object.keys(before.fields), ...Object.keys(now.fields)]);
  return [...fields].flatMap((field) => {
    if (before.fields[field] === now.fields[field]) return [];
    const what =
      before.fields[field] === undefined
        ? 'was added'
        : now.fields[field] === undefined
          ? 'was removed'
          : 'was changed';
    return [{ where, field, what }];
  });
}

/** Field by field, lists by position. */
function differences(before: Json | undefined, now: Json | undefined, path: string): Drift[] {
  if (isTree(before) && isTree(now)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
    return [...keys].flatMap((key) =>
      differences(child(before, key), child(now, key), path === '' ? key : `${path}.${key}`),
    );
  }
  if (before === now) return [];
  return [{ where: 'plan', field: path, what: `was ${shown(path, before)}, would be ${shown(path, now)}` }];
}

function isTree(value: Json | undefined): value is readonly Json[] | { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null;
}

function child(tree: readonly Json[] | { readonly [key: string]: Json }, key: string): Json | undefined {
  return (tree as Readonly<Record<string, Json>>)[key];
}

function shown(path: string, value: Json | undefined): string {
  if (value === undefined) return 'not there';
  const text = JSON.stringify(tellable(path, value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
