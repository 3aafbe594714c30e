import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { linkSchema } from '../src/audit/chain.ts';
import { createAuditChain } from '../src/audit/config-map-chain.ts';
import { type AuditFault, faultsIn, type ReadChain } from '../src/audit/verdict.ts';
import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { journalFolder } from '../src/journal/file-sink.ts';
import { systemClock } from '../src/kube/clock.ts';
import type { ClusterReader, ReadOptions } from '../src/kube/ports.ts';
import { columns } from '../src/ui/table.ts';
import { readWitnesses } from './audit-witnesses.ts';
import { connectSide } from './connection.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

export interface AuditOptions extends Partial<ConnectionOptions> {
  readonly output?: 'json' | 'yaml' | undefined;
  readonly filename?: string | undefined;
}

/** Prints the audit records of the clusters that flags name; as JSON or YAML they can be kept and verified elsewhere. */
export async function listAudit(options: AuditOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const chains = await withReaders(options, streams, readChains);
  const rows = chains.flatMap(({ links, place }) =>
    links.map(({ seq, entry }) => {
      const { at, action, event, migration, source, target, outcome = '', code = '', takenFrom = [] } = entry;
      const who = source.user || target.user;
      const from = takenFrom.length > 0 ? `, lock of ${takenFrom.join(' and ')}` : '';
      const ended = `${[outcome, code].filter(Boolean).join(' ')}${outcome && from}`;
      return [contextOf(place), String(seq), at, who, action, event, migration, source.pod, ended];
    }),
  );
  const head = ['CLUSTER', 'NO', 'AT', 'WHO', 'WHAT', '', 'ID', 'POD', 'OUTCOME'];
  out.result({ schema: 'kubectl-migrate/audit-v1', chains }, (width) => {
    const table = rows.length === 0 ? '' : columns(rows, head, width);
    return `${table}${countsOf(chains)}. Next: ${COMMAND} audit verify${clustersOf(options)}\n`;
  });
  return 'done';
}

/** Names of contexts may have colons. */
function contextOf(place: string): string {
  return place.replace(/: [^:]*$/, '');
}

function countsOf(chains: readonly ReadChain[]): string {
  const all = chains.reduce((sum, { links }) => sum + links.length, 0);
  if (all === 0) return `No entries in ${chains.map(({ place }) => contextOf(place)).join(' and ')}`;
  return `Entries: ${chains.map(({ place, links }) => `${links.length} in ${contextOf(place)}`).join(', ')}`;
}

/** The flags that name the same clusters again. */
function clustersOf(options: AuditOptions): string {
  const named = (['context', 'to-context'] as const).flatMap((flag) => {
    const context = options[flag];
    return context === undefined ? [] : [` --${flag} ${context}`];
  });
  return named.join('');
}

/** Says whether somebody has removed, changed or reordered entries. Throws F352 naming each place where it shows. */
export async function verifyAudit(options: AuditOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const { chains, faults } =
    options.filename === undefined ? await judgeClusters(options, streams) : judgeExport(options.filename);
  if (faults.length > 0) {
    throw new MigrateError('F352', {
      detail: faults.map(({ place, what }) => `${place}: ${what}`).join('\n'),
      remedy: 'compare with an export that was kept elsewhere; who may change ConfigMaps there could have done it',
    });
  }
  const counted = chains.map(({ place, links }) => ({ place, entries: links.length }));
  // An export is older than what the clusters have.
  const next = `${COMMAND} audit ${options.filename === undefined ? 'list' : 'verify'}${clustersOf(options)}`;
  const state = counted.some(({ entries }) => entries > 0)
    ? 'The audit record is as it was written'
    : 'There is no audit record';
  out.result({ intact: true, chains: counted }, () => `${counted.map(countLine).join('')}${state}. Next: ${next}\n`);
  return 'done';
}

function countLine({ place, entries }: { readonly place: string; readonly entries: number }): string {
  return entries === 0
    ? `${place}: no entries, and nothing here knows of any\n`
    : `${place}: ${entries} entries, all as they were written\n`;
}

interface Judged {
  readonly chains: readonly ReadChain[];
  readonly faults: readonly AuditFault[];
}

/** What a move may write while chains and records are read, one after the other, has come to rest after this, in ms. */
const SETTLE_MS = 3000;

/** What looks wrong is looked at once more: the cause may be a move that is just being told of. */
async function judgeClusters(options: AuditOptions, streams: Streams): Promise<Judged> {
  const judge = (): Promise<Judged> =>
    withReaders(options, streams, async (readers, read) => {
      // The records first: every end of a chain that they know is older than what is read of it then.
      const witnesses = await readWitnesses(readers, journalFolder(streams.env), read);
      const chains = await readChains(readers, read);
      return { chains, faults: faultsIn(chains, witnesses) };
    });
  const judged = await judge();
  if (judged.faults.length === 0) return judged;
  await systemClock.sleep(SETTLE_MS, streams.interrupt);
  return judge();
}

/** One that was made at another time than the records which are here: it is verified by itself. */
function judgeExport(file: string): Judged {
  const chains = readExport(file);
  return { chains, faults: faultsIn(chains) };
}

/** Lets the source's cluster be read, and the target's where one is named. */
async function withReaders<T>(
  options: AuditOptions,
  streams: Streams,
  act: (readers: readonly ClusterReader[], read: ReadOptions) => Promise<T>,
): Promise<T> {
  const sides = options['to-context'] === undefined ? (['source'] as const) : (['source', 'target'] as const);
  const clusters = sides.map((side) => connectSide(side, options as ConnectionOptions, streams.env));
  try {
    return await act(
      clusters.map(({ reader }) => reader),
      { signal: streams.interrupt },
    );
  } finally {
    for (const cluster of clusters) cluster.close();
  }
}

async function readChains(readers: readonly ClusterReader[], options: ReadOptions): Promise<ReadChain[]> {
  return Promise.all(
    readers.map(async (reader) => {
      const chain = createAuditChain({ reader });
      return { ...(await chain.read(options)), place: chain.place, server: reader.server };
    }),
  );
}

const exportSchema = z.strictObject({
  schema: z.literal('kubectl-migrate/audit-v1'),
  chains: z.array(
    z.strictObject({
      links: z.array(linkSchema),
      unreadable: z.array(z.string()),
      place: z.string(),
      server: z.string(),
    }),
  ),
});

function readExport(file: string): ReadChain[] {
  try {
    return exportSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).chains;
  } catch (cause) {
    throw new MigrateError('F301', {
      detail: `${file} is not what "audit list -o json" prints: ${cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)}`,
      remedy: `name a file that was made with: ${COMMAND} audit list -o json`,
      outcome: 'usage',
      cause,
    });
  }
}
