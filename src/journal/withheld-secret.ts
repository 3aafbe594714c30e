import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { failureCode } from '../domain/errors.ts';
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

function withheldOf(plan: PlanDraft): readonly string[] {
  return withhold(plan as never).values;
}

/** Puts what a plan withholds beside its records. Throws what the first cluster that refuses says. */
export async function keepWithheld({ plan, gateway }: Keeping, signal: AbortSignal): Promise<void> {
  const values = withheldOf(plan);
  if (values.length === 0) return;
  const secret = withheldSecret(plan.id, values);
  await Promise.all(recordSides(plan).map((side) => gateway.create(side, RESOURCES.secret, secret, { signal })));
}

/**
 * A plan as it was before it was recorded, as far as one of the clusters still has what was withheld: without that nothing
 * is made of it, but it can be led back.
 */
export async function withWithheld(
  plan: Plan,
  readers: Readonly<Record<Side, ClusterReader>>,
  signal: AbortSignal,
): Promise<Plan> {
  if (!hasWithheld(plan)) return plan;
  for (const side of recordSides(plan)) {
    const values = await valuesIn(readers[side], plan.id, signal);
    if (values) return restoreWithheld(plan as never, values) as unknown as Plan;
  }
  return plan;
}

async function valuesIn(reader: ClusterReader, id: string, signal: AbortSignal): Promise<string[] | undefined> {
  try {
    const found = await reader.get<KubeObject>(RESOURCES.secret, id, { namespace: SYSTEM_NAMESPACE, signal });
    const text = (found?.['data'] as Record<string, string> | undefined)?.[KEY];
    return text === undefined ? undefined : valuesSchema.parse(JSON.parse(Buffer.from(text, 'base64').toString()));
  } catch (error) {
    // The other cluster may be asked, and one of them be gone.
    if (failureCode(error) === undefined && !(error instanceof z.ZodError)) throw error;
    return undefined;
  }
}

/** Nobody needs them any more. Idempotent. */
export async function dropWithheld({ plan, gateway }: Keeping, signal: AbortSignal): Promise<void> {
  const named = (effect: Effect) =>
    effect.verb === 'delete' && effect.object.kind === 'Secret' && effect.object.name === plan.id;
  const refs = plan.effects.filter(named).map(({ object }) => ({ ...object, resource: RESOURCES.secret }));
  await Promise.all(refs.map((ref) => gateway.delete(ref, { signal })));
}
