import { failureCode } from '../src/domain/errors.ts';
import { journalFolder } from '../src/journal/file-sink.ts';
import { type RecordList, recordsInCluster, recordsInFolder } from '../src/journal/list-records.ts';
import type { JournalRecord } from '../src/journal/record.ts';
import type { ClusterReader } from '../src/kube/ports.ts';
import type { Evidence } from '../src/planner/forecast.ts';
import { pastMove } from '../src/planner/past-moves.ts';
import { memoryInUse } from '../src/planner/survey.ts';
import type { Streams } from './streams.ts';

/** A forecast looks no further back than so many moves. */
const REMEMBERED_MOVES = 50;

const NOTHING: RecordList = { records: [], unreadable: [] };

/**
 * The records that these clusters and this machine know, each once, the furthest one; of each cluster the `newest`, or all.
 * Nobody has to be allowed to read them.
 */
export async function knownRecords(
  readers: readonly ClusterReader[],
  streams: Streams,
  newest?: number,
): Promise<JournalRecord[]> {
  const lists = await Promise.all([
    ...readers.map((reader) =>
      recordsInCluster(reader, { signal: streams.interrupt, ...(newest !== undefined && { newest }) }).catch(
        (error: unknown) => {
          if (failureCode(error) === undefined) throw error;
          return NOTHING;
        },
      ),
    ),
    recordsInFolder(journalFolder(streams.env)),
  ]);
  const furthest = new Map<string, JournalRecord>();
  for (const record of lists.flatMap(({ records }) => records)) {
    const known = furthest.get(record.id);
    if (known === undefined || record.serial > known.serial) furthest.set(record.id, record);
  }
  return [...furthest.values()];
}

/** What a forecast for this pod can rest on. */
export async function gatherEvidence(
  { namespace, pod }: { readonly namespace: string; readonly pod: string },
  source: ClusterReader,
  streams: Streams,
): Promise<Evidence> {
  const [records, memory] = await Promise.all([
    knownRecords([source], streams, REMEMBERED_MOVES),
    memoryInUse(source, namespace, { signal: streams.interrupt }),
  ]);
  return { past: records.flatMap((record) => pastMove(record) ?? []), memoryBytes: memory.get(pod) };
}
