import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { failureCode, MigrateError } from '../domain/errors.ts';
import { type Json, parseJson } from '../domain/json.ts';
import { MANAGED_BY, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { Plan, PlanDraft } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import { hasWithheld, restoreWithheld, withhold } from '../domain/withheld.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { recordSides } from './config-map-sink.ts';

const KEY = 'values';
const valuesSchema = z.array(z.string());

/** What it takes to write beside a record. */
type Keeping = { readonly plan: Plan; readonly gateway: Gateway };

/** The Secret of a migration, named like it. Pure. */
export function withheldRef(side: Side, id: string): ObjectRef {
  const { apiVersion, kind } = RESOURCES.secret;
  return { side, apiVersion, kind, namespace: SYSTEM_NAMESPACE, name: id };
}

/** What holds the values that a record does not. Pure. */
export function withheldSecret(id: string, values: readonly string[]): KubeObject {
  const { apiVersion, kind } = RESOURCES.secret;
  return {
    apiVersion,
    kind,
    metadata: { name: id, namespace: SYSTEM_NAMESPACE, labels: MANAGED_BY },
    immutable: true,
    type: 'Opaque',
    data: { [KEY]: Buffer.from(JSON.stringify(values)).toString('base64') },
  };
}

/** A Secret beside each record for as long as the migration is under way; none where nothing is withheld. Pure. */
export function withheldEffects(draft: PlanDraft): Effect[] {
  if (withheldOf(draft).length === 0) return [];
  const common = { step: 'journal', phase: 'prepare' } as const;
  return recordSides(draft).flatMap((side): Effect[] => [
    {
      ...common,
      verb: 'create',
      object: withheldRef(side, draft.id),
      detail: 'values of variables, which no record holds',
    },
    { ...common, verb: 'delete', object: withheldRef(side, draft.id), detail: 'at the end', undoes: true },
  ]);
}

/** What a record holds of a plan, and by which digest it is known afterwards. Pure. */
export function recordedForm(plan: Plan): Json {
  return withhold(plan as unknown as Json).content;
}

function withheldOf(plan: PlanDraft): readonly string[] {
  return withhold(plan as unknown as Json).values;
}

/** Puts what a plan withholds beside its records, where it says so. Throws what the first cluster that refuses says. */
export async function keepWithheld({ plan, gateway }: Keeping, signal: AbortSignal): Promise<void> {
  const sides = sidesOf(plan, 'create');
  if (sides.length === 0) return;
  const secret = withheldSecret(plan.id, withheldOf(plan));
  await Promise.all(sides.map((side) => gateway.create(side, RESOURCES.secret, secret, { signal })));
}

/**
 * A plan as it was before it was recorded, as far as one of the clusters still has what was withheld: without that nothing
 * is made of it, but it can be led back. `untold` is told of a cluster that does not say.
 */
export async function withWithheld(
  plan: Plan,
  readers: Readonly<Record<Side, ClusterReader>>,
  { signal, untold }: { readonly signal: AbortSignal; readonly untold: (side: Side, error: unknown) => void },
): Promise<Plan> {
  if (!hasWithheld(plan)) return plan;
  for (const side of sidesOf(plan, 'create')) {
    try {
      const options = { namespace: SYSTEM_NAMESPACE, signal };
      const found = await readers[side].get<KubeObject>(RESOURCES.secret, plan.id, options);
      if (found) return restoreWithheld(plan as unknown as Json, valuesOf(found)) as unknown as Plan;
    } catch (error) {
      if (signal.aborted) throw error;
      untold(side, error);
    }
  }
  return plan;
}

/** Throws F350 for a Secret of that name that holds something else. */
function valuesOf(secret: KubeObject): readonly string[] {
  const text = (secret['data'] as Readonly<Record<string, string>> | undefined)?.[KEY] ?? '';
  const values = valuesSchema.safeParse(parseJson(Buffer.from(text, 'base64').toString()));
  if (values.success) return values.data;
  throw new MigrateError('F350', {
    detail: `secret ${SYSTEM_NAMESPACE}/${secret.metadata.name} does not hold the values that its record withholds`,
    remedy: 'look who has written it',
  });
}

/** Nobody needs them any more. Idempotent. `untold` is told of a cluster that cannot be asked, where they stay. */
export async function dropWithheld(
  { plan, gateway }: Keeping,
  { signal, untold }: { readonly signal: AbortSignal; readonly untold: (side: Side, error: unknown) => void },
): Promise<void> {
  const drop = async (side: Side) => {
    try {
      await gateway.delete({ ...withheldRef(side, plan.id), resource: RESOURCES.secret }, { signal });
    } catch (error) {
      if (failureCode(error) !== 'F310' && failureCode(error) !== 'F311') throw error;
      untold(side, error);
    }
  };
  await Promise.all(sidesOf(plan, 'delete').map(drop));
}

/** Where a plan has them, as it declares. */
function sidesOf({ effects, id }: Plan, verb: Effect['verb']): Side[] {
  return effects
    .filter((effect) => effect.verb === verb && effect.object.kind === 'Secret' && effect.object.name === id)
    .filter(({ object }) => object.namespace === SYSTEM_NAMESPACE)
    .map(({ object }) => object.side);
}
