import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { AuditEntry } from '../src/audit/entry.ts';
import { failureCode, isMigrateError } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { Side } from '../src/domain/refs.ts';
import { isFinished } from '../src/domain/standing.ts';
import { VERSION } from '../src/domain/version.ts';
import { createConfigMapSink } from '../src/journal/config-map-sink.ts';
import { createFileSink, journalFolder } from '../src/journal/file-sink.ts';
import type { JournalSink, Testimony } from '../src/journal/ports.ts';
import { checkId, type JournalRecord } from '../src/journal/record.ts';
import { systemClock } from '../src/kube/clock.ts';
import type { Cluster } from '../src/kube/connect.ts';
import { createGateway } from '../src/kube/gateway.ts';
import { recordedPlan } from '../src/planner/recorded-plan.ts';
import type { Reporter } from '../src/report/message.ts';
import { connectSide } from './connection.ts';
import { endedElsewhere } from './ended-elsewhere.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { connectBoth, connectPlanned } from './plan-clusters.ts';
import { registryFor } from './registry.ts';
import { noRecord, type Workplace } from './session.ts';
import type { Streams } from './streams.ts';

/** A migration as its record tells it, found from whatever is at hand. */
export interface Found {
  readonly record: JournalRecord;
  readonly plan: Plan;
  /** What each place that was asked says. */
  readonly told: readonly Testimony[];
  /** Another machine has ended it: the audit record says so, and the clusters have no record any more. */
  readonly ended: AuditEntry | undefined;
}

/** What all commands about migrations have in common. */
export interface MigrationOptions extends Partial<ConnectionOptions>, RegistryFlags {
  readonly 'force-unlock'?: boolean;
}

/** A place to look for records in, such as a cluster. */
interface Place {
  readonly sink: JournalSink;
  close(): void;
}

/**
 * Finds a migration by its id: in the local copies, then in the clusters that flags name, or the current context. Then
 * both clusters of its plan are asked; the source's record counts, or the furthest where that has none. Throws F374 when
 * nobody knows it.
 */
export async function findMigration(
  id: string,
  options: MigrationOptions,
  streams: Streams,
  reporter: Reporter,
): Promise<Found> {
  checkId(id);
  const places = placesToLook(options, streams, reporter);
  try {
    const first = await ask(places, id, streams);
    const known = furthest(first);
    if (!known) throw unknown(id, first);
    const plan = recordedPlan(known);
    const both = await askClusters(plan, options, streams, reporter);
    const told = [...both, ...first.filter(({ place }) => !both.some((each) => each.place === place))];
    const authority = both.find((each) => each.authority);
    const record = authority?.record ?? furthest(told) ?? known;
    const isGone = authority !== undefined && !authority.record && authority.error === undefined;
    const ended = isGone && !isFinished(record.state) ? await whoEnded(plan, options, streams) : undefined;
    return { record, plan, told, ended };
  } finally {
    for (const place of places) place.close();
  }
}

/**
 * Both clusters of a plan, as this machine reaches them, and what this process brings along. `close` ends connections. One
 * that no context leads to any more is one that cannot be reached; throws F302 where that is so of both.
 */
export async function workplaceFor(
  plan: Plan,
  operation: string,
  options: MigrationOptions,
  streams: Streams,
  reporter: Reporter,
): Promise<Workplace & { close(): void }> {
  const [source, target] = connectBoth(plan, options, streams, reporter);
  const signal = streams.interrupt;
  const users = [source, target].map(({ reader }) => reader.whoAmI({ signal }).catch(() => undefined));
  const user = (await Promise.all(users)).find((name) => name !== undefined) ?? '';
  return {
    source,
    target,
    reporter,
    clock: systemClock,
    copies: [createFileSink(journalFolder(streams.env))],
    worker: { operation, user, host: hostname(), version: VERSION },
    newUuid: randomUUID,
    registryFor: (archive) => registryFor(archive, options, streams.env),
    forceUnlock: options['force-unlock'] === true,
    interrupt: streams.interrupt,
    insisted: streams.insisted,
    close: () => {
      source.close();
      target.close();
    },
  };
}

/** Who has ended a migration whose source cluster has no record of it. */
async function whoEnded(plan: Plan, options: MigrationOptions, streams: Streams): Promise<AuditEntry | undefined> {
  const [source, target] = connectBoth(plan, options, streams, { notify: () => undefined });
  try {
    return await endedElsewhere(plan, [source.reader, target.reader], streams.interrupt);
  } finally {
    source.close();
    target.close();
  }
}

/** Records are read here and not written: a gateway of no effects. */
function placeIn(cluster: Cluster): Place {
  const gateway = createGateway({ source: cluster.api, target: cluster.api, effects: [], clock: systemClock });
  return { sink: createConfigMapSink({ reader: cluster.reader, gateway }), close: () => cluster.close() };
}

function placesToLook(options: MigrationOptions, streams: Streams, reporter: Reporter): Place[] {
  const file: Place = { sink: createFileSink(journalFolder(streams.env)), close: () => undefined };
  return [file, ...clustersToLook(options, streams, reporter).map(placeIn)];
}

/** The clusters that flags name, or the current context. Without a usable kubeconfig the local copies are what there is. */
export function clustersToLook(options: MigrationOptions, { env }: Streams, reporter: Reporter): Cluster[] {
  const connect = (side: Side): Cluster[] => {
    try {
      return [connectSide(side, options, env, reporter)];
    } catch (error) {
      if (options[side === 'source' ? 'context' : 'to-context'] !== undefined) throw error;
      return [];
    }
  };
  return [...connect('source'), ...(options['to-context'] === undefined ? [] : connect('target'))];
}

async function askClusters(
  plan: Plan,
  options: MigrationOptions,
  streams: Streams,
  reporter: Reporter,
): Promise<Testimony[]> {
  const sides: readonly Side[] = plan.oneCluster ? ['source'] : ['source', 'target'];
  return Promise.all(
    sides.map(async (side): Promise<Testimony> => {
      const authority = side === 'source';
      try {
        const place = placeIn(connectPlanned(side, plan, options, streams, reporter));
        try {
          const [told] = await ask([place], plan.id, streams);
          return { place: place.sink.place, ...told, authority };
        } finally {
          place.close();
        }
      } catch (error) {
        return { place: plan[side].context, authority, error };
      }
    }),
  );
}

function ask(places: readonly Place[], id: string, { interrupt: signal }: Streams): Promise<Testimony[]> {
  return Promise.all(
    places.map(async ({ sink }): Promise<Testimony> => {
      const told = { place: sink.place, authority: false };
      try {
        const record = await sink.load(id, { signal });
        return { ...told, ...(record && { record }) };
      } catch (error) {
        return { ...told, error };
      }
    }),
  );
}

function furthest(told: readonly Testimony[]): JournalRecord | undefined {
  const records = told.flatMap(({ record }) => (record ? [record] : []));
  return records.toSorted((a, b) => b.serial - a.serial)[0];
}

/** What a place could not tell is said; a record that cannot be read is not one that does not exist. */
function unknown(id: string, told: readonly Testimony[]): unknown {
  const unreadable = told.find(({ error }) => failureCode(error) === 'F350');
  if (unreadable) return unreadable.error;
  const places = told.map(({ place, error }) =>
    error === undefined ? place : `${place} (cannot be asked: ${isMigrateError(error) ? error.detail : error})`,
  );
  return noRecord(id, places.join('; '));
}

/** The command that makes the same move anew. Pure. */
export function sameMove({ request, source, target }: Plan): string {
  const words = [COMMAND, 'pod', source.pod, '-n', source.namespace, '--context', source.context];
  words.push('--to-context', target.context, '--to-node', target.node);
  if (target.namespace !== source.namespace) words.push('--to-namespace', target.namespace);
  if (request.container !== undefined) words.push('-c', request.container);
  return words.join(' ');
}
