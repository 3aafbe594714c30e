import type { Clock } from '../domain/clock.ts';
import type { Json } from '../domain/json.ts';
import type { Plan } from '../domain/plan.ts';
import { withhold } from '../domain/withheld.ts';
import { type Write, writeOf } from '../domain/write.ts';
import type { Lease } from '../kube/objects.ts';
import type { ClusterReader } from '../kube/ports.ts';
import { journalRef, newConfigMap, recordSides } from './config-map-sink.ts';
import { newHeader } from './journal-store.ts';
import { leaseFor, leaseRefs, type Worker } from './lease.ts';
import { withheldRef, withheldSecret } from './withheld-secret.ts';

export interface Opening {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly worker: Worker;
  readonly newUuid: () => string;
}

/**
 * What taking the locks of a plan and opening its record would send. Read-only. Throws F350 for a plan that is too large
 * to be recorded.
 */
export async function openingWrites(opening: Opening): Promise<Write[]> {
  const writes = [...recordWrites(opening), ...(await lockWrites(opening))];
  return writes.filter((write) => write !== undefined);
}

function recordWrites({ plan, clock, worker, newUuid }: Opening): (Write | undefined)[] {
  const { content, values } = withhold(plan as unknown as Json);
  const start = { id: plan.id, plan: content, ...worker };
  const record = newConfigMap(newHeader(start, { clock, newUuid })) as unknown as Json;
  const secret = withheldSecret(plan.id, values) as unknown as Json;
  return recordSides(plan).flatMap((side) => [
    writeOf(plan, { verb: 'create', object: journalRef(side, plan.id) }, { form: 'object', body: record }),
    ...(values.length > 0
      ? [writeOf(plan, { verb: 'create', object: withheldRef(side, plan.id) }, { form: 'object', body: secret })]
      : []),
  ]);
}

/** A Lease that another migration left is there already, and is taken over or removed. */
async function lockWrites(opening: Opening): Promise<(Write | undefined)[]> {
  const { plan, clock, worker, newUuid, signal } = opening;
  const each = leaseRefs(plan).map(async ({ resource, ...object }) => {
    const { namespace, name, side } = object;
    const found = await opening[side].get<Lease>(resource, name, { namespace, signal });
    const wanted = leaseFor(
      { ...object, resource },
      { migration: plan.id, process: newUuid(), ...worker },
      clock.now(),
    );
    const body = wanted as unknown as Json;
    if (!found) return [writeOf(plan, { verb: 'create', object }, { form: 'object', body })];
    const { labels, annotations } = wanted.metadata;
    const change = { metadata: { labels, annotations }, spec: wanted.spec } as unknown as Json;
    return [
      writeOf(plan, { verb: 'create', object }, { obstacle: 'is there, of another migration, and is taken over' }),
      writeOf(plan, { verb: 'patch', object }, { form: 'merge', body: change, standIn: 'the time of now' }),
      writeOf(plan, { verb: 'delete', object }, {}),
    ];
  });
  return (await Promise.all(each)).flat();
}
