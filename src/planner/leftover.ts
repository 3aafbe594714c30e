import { z } from 'zod';
import { failureCode } from '../domain/errors.ts';
import { MIGRATION_ANNOTATION, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { ConfigMap, Pod } from '../kube/objects.ts';
import type { ClusterReader, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';

/** The migration that made a pod, and where its record says it stands; undefined where there is no record to read. */
export interface Maker {
  readonly migration: string;
  readonly state: string | undefined;
}

const writeSchema = z.looseObject({ state: z.string() });

/** Who made the pod, if a migration did. Read-only. */
export async function makerOf(
  pod: Pod | undefined,
  source: ClusterReader,
  options: ReadOptions,
): Promise<Maker | undefined> {
  const migration = pod?.metadata.annotations?.[MIGRATION_ANNOTATION];
  if (migration === undefined) return undefined;
  try {
    const place = { ...options, namespace: SYSTEM_NAMESPACE };
    return { migration, state: stateIn(await source.get<ConfigMap>(RESOURCES.configMap, migration, place)) };
  } catch (error) {
    // Only better words depend on it: whoever may not read records gets the careful ones.
    if (failureCode(error) === 'F313') return { migration, state: undefined };
    throw error;
  }
}

/** The state that the last write of a record left; a record without any has only begun. */
function stateIn(record: ConfigMap | undefined): string | undefined {
  if (!record) return undefined;
  const writes = Object.entries(record.data ?? {}).filter(([key]) => key.startsWith('entry-'));
  const [, text] = writes.toSorted(([a], [b]) => a.localeCompare(b)).at(-1) ?? [];
  if (text === undefined) return 'running';
  try {
    return writeSchema.parse(JSON.parse(text)).state;
  } catch {
    return undefined;
  }
}
