import { z } from 'zod';
import type { Witness } from '../src/audit/witness.ts';
import { SIDES } from '../src/domain/refs.ts';
import { isFinished } from '../src/domain/standing.ts';
import { type RecordList, recordsInCluster, recordsInFolder } from '../src/journal/list-records.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import type { ClusterReader, ReadOptions } from '../src/kube/ports.ts';

/** Every record of a migration in clusters and in a folder of this machine. Throws F310 to F317. */
export async function readWitnesses(
  readers: readonly ClusterReader[],
  folder: string,
  options: ReadOptions,
): Promise<Witness[]> {
  const lists = await Promise.all([
    ...readers.map(async (reader) =>
      witnessesIn(await recordsInCluster(reader, options), reader.context, reader.server),
    ),
    recordsInFolder(folder).then((list) => witnessesIn(list, folder)),
  ]);
  return lists.flat();
}

/** A record that cannot be read tells no more than that there is one. */
function witnessesIn({ records, unreadable }: RecordList, where: string, from?: string): Witness[] {
  return [
    ...records.map((record) => ({ ...witnessOf(record), place: `the record in ${where}`, from })),
    ...unreadable.map(({ id }) => ({
      ...{ place: where, from, migration: id, ended: false, acted: false, servers: [], heads: [] },
    })),
  ];
}

const place = z.looseObject({ server: z.string() });
const planSchema = z.looseObject({ source: place, target: place });
const head = z.strictObject({ seq: z.int().positive(), hash: z.string() });
const headsSchema = z.strictObject({ source: head.optional(), target: head.optional() });

/** What a record says of chains; nothing of those where its plan is of a shape that names no clusters. Pure. */
function witnessOf({ id, plan, state, serial, entries }: JournalRecord): Omit<Witness, 'place' | 'from'> {
  const clusters = planSchema.safeParse(plan).data;
  const servers = clusters ? [clusters.source.server, clusters.target.server] : [];
  const heads = entries.flatMap(({ kind, data }) => {
    const noted = kind === 'audited' ? headsSchema.safeParse(data).data : undefined;
    if (!noted || !clusters) return [];
    return [SIDES.flatMap((side) => (noted[side] ? [{ ...noted[side], server: clusters[side].server }] : []))];
  });
  return { migration: id, ended: isFinished(state), acted: serial > 0, servers, heads };
}
