import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createAuditChain } from '../src/audit/config-map-chain.ts';
import type { AuditEntry } from '../src/audit/entry.ts';
import type { Json } from '../src/domain/json.ts';
import type { Plan } from '../src/domain/plan.ts';
import { VERSION } from '../src/domain/version.ts';
import { type Write, writeOf } from '../src/domain/write.ts';
import { recordSides } from '../src/journal/config-map-sink.ts';
import { openingWrites } from '../src/journal/opening-writes.ts';
import { planDigest } from '../src/journal/record.ts';
import { recordedForm } from '../src/journal/withheld-secret.ts';
import { systemClock } from '../src/kube/clock.ts';
import type { ClusterReader } from '../src/kube/ports.ts';

interface Readers {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly signal: AbortSignal;
}

/** What a run of a plan writes about itself: record, locks, the first entry of the audit records. Read-only. */
export async function bookkeepingWrites(plan: Plan, readers: Readers): Promise<Write[]> {
  const user = await readers.source.whoAmI();
  const worker = { operation: 'pod', user, host: hostname(), version: VERSION };
  const opening = { ...readers, plan, clock: systemClock, worker, newUuid: randomUUID };
  const audit = recordSides(plan).map((side) =>
    auditWrites(plan, readers[side], { entry: entryOf(plan, user), ...readers }),
  );
  return [...(await openingWrites(opening)), ...(await Promise.all(audit)).flat()];
}

interface Auditing {
  readonly entry: AuditEntry;
  readonly signal: AbortSignal;
}

async function auditWrites({ effects }: Plan, reader: ClusterReader, { entry, signal }: Auditing): Promise<Write[]> {
  const { create, patch } = await createAuditChain({ reader }).rehearsal(entry, { signal });
  const standIn = 'an entry made up for this';
  return effects
    .filter(({ step, object, undoes }) => step === 'audit' && object.side === reader.side && !undoes)
    .flatMap(({ verb, object }): (Write | undefined)[] => {
      if (verb === 'create')
        return [writeOf({ effects }, { verb, object }, { form: 'object', body: create as unknown as Json, standIn })];
      return patch ? [writeOf({ effects }, { verb, object }, { form: 'merge', ...patch, standIn })] : [];
    })
    .filter((write) => write !== undefined);
}

function entryOf(plan: Plan, user: string): AuditEntry {
  const place = ({ server, namespace, pod, node }: Plan['source'] | Plan['target']) => ({
    server,
    namespace,
    pod,
    node,
    user,
  });
  return {
    id: randomUUID(),
    at: new Date(systemClock.now()).toISOString(),
    action: 'migrate',
    event: 'begun',
    migration: plan.id,
    host: hostname(),
    version: VERSION,
    source: place(plan.source),
    target: place(plan.target),
    planDigest: planDigest(recordedForm(plan)),
  };
}
