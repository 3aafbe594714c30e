import type { Clock } from '../src/domain/clock.ts';
import type { Json } from '../src/domain/json.ts';
import type { Plan } from '../src/domain/plan.ts';
import { SIDES } from '../src/domain/refs.ts';
import { createEngine, type EngineOptions } from '../src/engines/create-engine.ts';
import { ensureNamespace, removeEmptyNamespaces } from '../src/engines/helper/system-namespace.ts';
import { createConfigMapSink, journalRef, recordSides } from '../src/journal/config-map-sink.ts';
import { createJournalStore } from '../src/journal/journal-store.ts';
import type { Worker } from '../src/journal/lease.ts';
import { type Lock, takeLock } from '../src/journal/lock.ts';
import type { Journal, JournalSink, JournalStore } from '../src/journal/ports.ts';
import type { ApiClient } from '../src/kube/api-client.ts';
import { createGateway } from '../src/kube/gateway.ts';
import type { ClusterReader, Gateway } from '../src/kube/ports.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import type { Reporter } from '../src/report/message.ts';
import type { RunOptions } from '../src/runner/context.ts';

/** What a process brings along to work on a migration. */
export interface Workplace {
  readonly source: { readonly reader: ClusterReader; readonly api: ApiClient };
  readonly target: { readonly reader: ClusterReader; readonly api: ApiClient };
  readonly reporter: Reporter;
  readonly clock: Clock;
  /** Copies of the record beside the clusters, such as the local file. */
  readonly copies: readonly JournalSink[];
  readonly worker: Worker;
  readonly newUuid: () => string;
  readonly registryFor: EngineOptions['registryFor'];
  /** `--force-unlock`. */
  readonly forceUnlock: boolean;
  readonly interrupt: AbortSignal;
}

/** The open work on one migration: what the runner needs, but for the steps. */
export type Session = Omit<RunOptions, 'steps'>;

/** Begins a migration: takes the lock and opens the record. From here on the clusters are written to. */
export async function beginSession(plan: Plan, place: Workplace): Promise<Session> {
  const { gateway, readers, store } = tools(plan, place);
  for (const side of SIDES) await ensureNamespace(gateway, plan, side, place.interrupt);
  const undo = async (lock?: Lock): Promise<void> => {
    const signal = new AbortController().signal;
    if (lock) await forget(plan, { gateway, lock, signal });
    await removeEmptyNamespaces({ plan, ...readers, gateway, signal }, SIDES);
  };
  // Nothing has begun when one of these fails; what was made goes again, as far as the clusters let it.
  const lock = await lockFor(plan, place, gateway).catch((error: unknown) => failAfter(undo(), error));
  const start = { id: plan.id, plan: plan as unknown as Json, ...place.worker };
  const journal = await store.open(start).catch((error: unknown) => failAfter(undo(lock), error));
  return session(plan, place, { gateway, lock, journal });
}

/** The gateway of a plan, and its records in both clusters and beside them. */
export function tools(plan: Plan, place: Workplace): { gateway: Gateway; readers: Readers; store: JournalStore } {
  const { source, target, clock, copies, newUuid, reporter } = place;
  const gateway = createGateway({ source: source.api, target: target.api, effects: plan.effects, clock });
  const readers = { source: source.reader, target: target.reader };
  const [authority, ...mirrors] = recordSides(plan).map((side) =>
    createConfigMapSink({ reader: readers[side], gateway }),
  );
  if (!authority) throw new Error('a record has a place');
  const store = createJournalStore({
    authority,
    copies: [...mirrors, ...copies],
    clock,
    newUuid,
    onStaleCopy: (where, error) =>
      reporter.notify({ code: 'W421', text: `the copy of the journal in ${where} is behind: ${String(error)}` }),
  });
  return { gateway, readers, store };
}

interface Readers {
  readonly source: ClusterReader;
  readonly target: ClusterReader;
}

/** Takes the locks of a plan for this process. Throws F370 with who has them. */
function lockFor(plan: Plan, place: Workplace, gateway: Gateway): Promise<Lock> {
  const { source, target, clock, worker, newUuid, forceUnlock, interrupt, reporter } = place;
  return takeLock({
    plan,
    source: source.reader,
    target: target.reader,
    gateway,
    clock,
    worker,
    process: `${worker.host}/${newUuid()}`,
    force: forceUnlock,
    signal: interrupt,
    onWait: (text) => reporter.notify({ code: 'I406', text }),
  });
}

function session(
  plan: Plan,
  place: Workplace,
  parts: { readonly gateway: Gateway; readonly lock: Lock; readonly journal: Journal },
): Session {
  const { gateway, lock, journal } = parts;
  const readers = { source: place.source.reader, target: place.target.reader };
  const engine = createEngine({ plan, ...readers, gateway, registryFor: place.registryFor });
  const context = { plan, ...readers, gateway, reporter: place.reporter, engine };
  return {
    context,
    journal,
    lock,
    interrupt: AbortSignal.any([place.interrupt, lock.lost]),
    forget: async (signal) => {
      await forget(plan, { gateway, lock, signal });
      await removeEmptyNamespaces({ ...context, signal }, SIDES);
    },
  };
}

/** The authority's record goes last: until then somebody else can see that this is under way. */
async function forget(plan: Plan, { gateway, lock, signal }: { gateway: Gateway; lock: Lock; signal: AbortSignal }) {
  await lock.remove(signal);
  for (const side of recordSides(plan).toReversed()) {
    await gateway.delete({ ...journalRef(side, plan.id), resource: RESOURCES.configMap }, { signal });
  }
}

/** What was thrown counts; what goes wrong on the way out only adds to it. */
async function failAfter(undo: Promise<void>, error: unknown): Promise<never> {
  await undo.catch(() => undefined);
  throw error;
}
