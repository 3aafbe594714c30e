import { readdir } from 'node:fs/promises';
import { isMigrateError, type MigrateError } from '../domain/errors.ts';
import { AUDIT_LABEL, MANAGED_BY_SELECTOR, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { ConfigMap } from '../kube/objects.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { parseRecord } from './config-map-sink.ts';
import { createFileSink } from './file-sink.ts';
import type { JournalRecord } from './record.ts';

/** Records that could be read, and those that could not, with why. */
export interface RecordList {
  readonly records: readonly JournalRecord[];
  readonly unreadable: readonly UnreadableRecord[];
}

export interface UnreadableRecord {
  readonly id: string;
  readonly error: MigrateError;
}

/**
 * The records that a cluster keeps. `newest`: no more than so many of them, for whoever can do without the others; the
 * whole of each has to be looked at, and a cluster may have thousands. Throws F310 to F317.
 */
export async function recordsInCluster(
  reader: ClusterReader,
  { newest, ...options }: ReadOptions & { readonly newest?: number } = {},
): Promise<RecordList> {
  const where = { ...options, namespace: SYSTEM_NAMESPACE, labelSelector: MANAGED_BY_SELECTOR };
  const found = await reader.list<ConfigMap>(RESOURCES.configMap, where);
  // Audit records are kept in the same namespace.
  const own = found.filter(({ metadata }) => metadata.labels?.[AUDIT_LABEL] === undefined);
  const wanted = newest === undefined ? own : own.toSorted(byAge).slice(0, newest);
  return collect(
    wanted.map((configMap) => {
      const place = `${reader.context}: configmap ${SYSTEM_NAMESPACE}/${configMap.metadata.name}`;
      return { id: configMap.metadata.name, read: async () => parseRecord(configMap, place) };
    }),
  );
}

/** The newest first. */
function byAge(one: ConfigMap, other: ConfigMap): number {
  const [a, b] = [one, other].map(({ metadata }) => metadata.creationTimestamp ?? '');
  return (b ?? '').localeCompare(a ?? '');
}

/** Every record in a folder of this machine; none where there is no folder. */
export async function recordsInFolder(folder: string): Promise<RecordList> {
  const sink = createFileSink(folder);
  const names = await readdir(folder).catch(() => []);
  const ids = names.flatMap((name) => /^(.+)\.ndjson$/.exec(name)?.[1] ?? []);
  return collect(ids.map((id) => ({ id, read: () => sink.load(id) })));
}

async function collect(
  sources: readonly { readonly id: string; readonly read: () => Promise<JournalRecord | undefined> }[],
): Promise<RecordList> {
  const records: JournalRecord[] = [];
  const unreadable: UnreadableRecord[] = [];
  for (const { id, read } of sources) {
    try {
      const record = await read();
      if (record) records.push(record);
    } catch (error) {
      if (!isMigrateError(error)) throw error;
      unreadable.push({ id, error });
    }
  }
  return { records, unreadable };
}
