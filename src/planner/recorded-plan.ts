import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND } from '../domain/names.ts';
import { PHASES } from '../domain/phase.ts';
import { PLAN_SCHEMA, type Plan } from '../domain/plan.ts';
import { SIDES } from '../domain/refs.ts';
import type { JournalRecord } from '../journal/record.ts';

const name = z.string().min(1);
const place = z.looseObject({ context: name, server: name, namespace: name, pod: name, node: name });

/** What a plan needs to be carried on with. The rest of it is held together by the record’s digest over all of it. */
const planSchema = z.looseObject({
  schema: z.literal(PLAN_SCHEMA),
  id: name,
  source: place.extend({ uid: name, addresses: z.array(z.string()) }),
  target: place,
  oneCluster: z.boolean(),
  engine: z.looseObject({ name }),
  volumes: z.array(z.looseObject({ name, mounting: name })),
  route: z.looseObject({ services: z.array(z.looseObject({ service: name })) }),
  helper: z.looseObject({ namespace: name, createNamespaceIn: z.array(z.enum(SIDES)), sides: z.array(z.enum(SIDES)) }),
  deadlines: z.record(z.string(), z.number().positive()),
  effects: z.array(
    z.looseObject({
      step: name,
      phase: z.enum(PHASES),
      verb: name,
      object: z.looseObject({ side: z.enum(SIDES), apiVersion: name, kind: name, name }),
    }),
  ),
  manifest: z.json(),
});

/** The plan of a record. Throws F350 for one that this version cannot carry on with. Pure. */
export function recordedPlan({ id, plan, version }: JournalRecord): Plan {
  const parsed = planSchema.safeParse(plan);
  if (parsed.success && parsed.data.id === id) return plan as unknown as Plan;
  const issue = parsed.error?.issues[0];
  const why = issue ? `${issue.path.join('.') || 'plan'}: ${issue.message}` : 'it is the plan of another migration';
  throw new MigrateError('F350', {
    detail: `record ${id}, written by version ${version}, has a plan that this version cannot carry on with: ${why}`,
    remedy: `use version ${version} of ${COMMAND} for it`,
  });
}
