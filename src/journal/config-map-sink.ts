import type { Effect } from '../domain/effect.ts';
import { asMigrateError, type FailureCode, failureCode, MigrateError } from '../domain/errors.ts';
import { parseJson } from '../domain/json.ts';
import { COMMAND, MANAGED_BY, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { PlanDraft } from '../domain/plan.ts';
import { type ObjectRef, SIDES, type Side } from '../domain/refs.ts';
import { isRefusal } from '../kube/errors.ts';
import type { ConfigMap } from '../kube/objects.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { JournalSink, WriteOptions } from './ports.ts';
import {
  assembleRecord,
  checkId,
  type JournalHeader,
  type JournalRecord,
  type JournalWrite,
  parseHeader,
  parseWrite,
} from './record.ts';

const HEADER_KEY = 'record';
/** How often a write is tried when its answer was lost. */
const TRIES = 3;

/** The ConfigMap of a record, named like its migration. */
export function journalRef(side: Side, id: string, namespace = SYSTEM_NAMESPACE): ObjectRef {
  return { side, apiVersion: 'v1', kind: 'ConfigMap', namespace, name: id };
}

/** The clusters that hold a record: the source, whose word counts, and the target, unless that is the same cluster. */
export function recordSides({ oneCluster }: Pick<PlanDraft, 'oneCluster'>): readonly Side[] {
  return oneCluster ? ['source'] : SIDES;
}

/** What a plan must declare so that its record can be kept in a cluster; the namespace is the caller's. */
export function journalEffects(side: Side, id: string): Effect[] {
  const object = journalRef(side, id);
  const common = { step: 'journal', phase: 'prepare', object } as const;
  return [
    { ...common, verb: 'create', detail: 'record of this migration' },
    { ...common, verb: 'patch', detail: 'record of this migration' },
  ];
}

export interface ConfigMapSinkOptions {
  readonly reader: ClusterReader;
  readonly gateway: Gateway;
  /** By default that of helper pods and journals. */
  readonly namespace?: string;
}

/** A place whose record others may have taken up. */
export interface ConfigMapSink extends JournalSink {
  /**
   * For a deletion that meets no other: the record as this process left it, undefined when it is gone. Throws F315 when
   * somebody else wrote to it.
   */
  own(
    id: string,
    options?: WriteOptions,
  ): Promise<{ readonly uid: string; readonly resourceVersion: string } | undefined>;
}

/** A ConfigMap at one moment. */
interface Version {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
}

/** The ConfigMap as this process left it, and everything that it ever tried to write there. */
interface Known extends Version {
  readonly tried: Record<string, string>;
}

/**
 * Records as ConfigMaps named like the migration in one namespace (which must exist): the header under `record`, each
 * write under a key of its own (`entry-0007`). A write is one small PATCH, conditional on the version that this process
 * saw last. When an answer is lost, or the version differs, the ConfigMap is read back: with our data unchanged the
 * write goes on, else it ends with F315.
 */
export function createConfigMapSink(options: ConfigMapSinkOptions): ConfigMapSink {
  const { reader, gateway, namespace = SYSTEM_NAMESPACE } = options;
  const known = new Map<string, Known>();
  const read = (id: string, write?: WriteOptions) =>
    reader.get<ConfigMap>(RESOURCES.configMap, checkId(id), {
      namespace,
      ...(write?.signal === undefined ? {} : { signal: write.signal }),
    });
  const remove = async (id: string, write?: WriteOptions): Promise<void> => {
    await gateway.delete({ ...journalRef(reader.side, id, namespace), resource: RESOURCES.configMap }, write);
    known.delete(id);
  };
  const place = `${reader.context}: configmap ${namespace}`;
  return {
    place,
    create: async (header, write) => {
      try {
        const made = await gateway.create(reader.side, RESOURCES.configMap, newConfigMap(header, namespace), write);
        known.set(header.id, { ...versionOf(made), tried: {} });
      } catch (error) {
        throw failureCode(error) === 'F318' ? existsAlready(header.id, place, error) : error;
      }
    },
    write: async (id, writes, write) => {
      const state = known.get(id);
      if (state === undefined) throw new Error(`record ${id} was not opened`);
      const ref = { ...journalRef(reader.side, id, namespace), resource: RESOURCES.configMap };
      await writeGuarded(state, writes, {
        patch: async (resourceVersion, data) =>
          versionOf(await gateway.patch<ConfigMap>(ref, 'merge', { metadata: { resourceVersion }, data }, write)),
        read: async () => {
          const found = await read(id, write);
          return found === undefined ? undefined : versionOf(found);
        },
        id,
        decisive: write?.decisive === true,
      });
    },
    own: async (id, write) => {
      const [found, left] = [await read(id, write), known.get(id)];
      if (found === undefined) return undefined;
      const { uid, resourceVersion, data } = versionOf(found);
      if (left && isOurs(data, left.data, left.tried)) return { uid, resourceVersion };
      throw changedByOthers(id, new Error(`version ${resourceVersion} is not of this process`));
    },
    setAside: async (id, write) => {
      await remove(id, write);
      return undefined;
    },
    remove,
    load: async (id, write) => {
      const found = await read(id, write);
      if (found === undefined) return undefined;
      known.set(id, { ...versionOf(found), tried: {} });
      return parseRecord(found, `${place}/${id}`);
    },
  };
}

interface WriteAccess {
  readonly id: string;
  /** Nobody may act on a belief about this write: see `SinkWriteOptions`. */
  readonly decisive: boolean;
  patch(resourceVersion: string, data: Record<string, string>): Promise<Version>;
  read(): Promise<Version | undefined>;
}

async function writeGuarded(known: Known, writes: readonly JournalWrite[], access: WriteAccess): Promise<void> {
  const all = Object.fromEntries(writes.map((write) => [keyOf(write.serial), JSON.stringify(write)]));
  Object.assign(known.tried, all);
  /** One try may have been carried out, or may be yet: whatever comes after it says nothing about that. */
  let unsure = false;
  const failure = (error: unknown) => (unsure && access.decisive ? notKnown(access.id, error) : error);
  for (let tries = 1; ; tries += 1) {
    const data = Object.fromEntries(Object.entries(all).filter(([key, value]) => known.data[key] !== value));
    if (Object.keys(data).length === 0) return;
    try {
      Object.assign(known, await access.patch(known.resourceVersion, data));
      return;
    } catch (error) {
      unsure ||= !isRefusal(error);
      const code = failureCode(error);
      if (!unsure && code !== 'F315' && code !== 'F314') throw error;
      const now = await access.read().catch((unread: unknown) => {
        throw failure(unread);
      });
      if (now === undefined) throw failure(changedByOthers(access.id, error));
      if (!unsure && code === 'F314') throw error;
      // The version that ours was conditional on is gone: what is not there by now never will be.
      if (now.resourceVersion !== known.resourceVersion && !isWritten(now, writes)) unsure = false;
      if (!isOurs(now.data, known.data, all)) throw failure(changedByOthers(access.id, error));
      Object.assign(known, now);
      if (tries >= TRIES && !isWritten(now, writes)) throw failure(error);
    }
  }
}

/** The last of the writes is there; they are made in one go. */
function isWritten({ data }: Version, writes: readonly JournalWrite[]): boolean {
  const last = writes.at(-1);
  return last === undefined || data[keyOf(last.serial)] === JSON.stringify(last);
}

/** What is there is what we left, and perhaps what we were writing; nothing else. */
function isOurs(
  now: Readonly<Record<string, string>>,
  left: Readonly<Record<string, string>>,
  writing: Readonly<Record<string, string>>,
): boolean {
  const kept = Object.entries(left).every(([key, value]) => now[key] === value);
  return kept && Object.entries(now).every(([key, value]) => left[key] === value || writing[key] === value);
}

function keyOf(serial: number): string {
  return `entry-${String(serial).padStart(4, '0')}`;
}

/** The ConfigMap of a record without entries. Pure. */
export function newConfigMap(header: JournalHeader, namespace = SYSTEM_NAMESPACE): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: header.id, namespace, labels: MANAGED_BY },
    data: { [HEADER_KEY]: JSON.stringify(header) },
  };
}

function versionOf({ metadata, data = {} }: ConfigMap): Version {
  return { uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '', data };
}

/** The record that a ConfigMap holds. Throws F350 when it holds none. Pure. */
export function parseRecord(configMap: ConfigMap, where: string): JournalRecord {
  const data = configMap.data ?? {};
  const header = parseHeader(parseJson(data[HEADER_KEY] ?? ''), where);
  const keys = Object.keys(data).filter((key) => key.startsWith('entry-'));
  const writes = keys.map((key) => parseWrite(parseJson(data[key] ?? ''), `${where} ${key}`));
  return assembleRecord(
    header,
    writes.sort((a, b) => a.serial - b.serial),
    where,
  );
}

function existsAlready(id: string, place: string, cause: unknown): MigrateError {
  return new MigrateError('F350', {
    detail: `${place} holds a record ${id} already`,
    remedy: 'start again: every plan gets an id of its own',
    cause,
  });
}

/** What these say to do is wrong for somebody whose move may be committed. */
const FROM_THE_START: ReadonlySet<FailureCode> = new Set(['F306', 'F314', 'F315', 'F316']);

function notKnown(id: string, error: unknown): MigrateError {
  const { code, detail, remedy } = asMigrateError(error);
  const first = FROM_THE_START.has(code) ? '' : `${remedy}; `;
  return new MigrateError(code, {
    detail: `${detail}; whether move ${id} is committed is not known`,
    remedy: `${first}the record in the source cluster says whether it is committed`,
    outcome: 'midway',
    cause: error,
  });
}

function changedByOthers(id: string, cause: unknown): MigrateError {
  return new MigrateError('F315', {
    detail: `record ${id} was changed or removed by somebody else while this move was running`,
    remedy: `look for another ${COMMAND} of the same pod; this one stops`,
    takenOver: true,
    cause,
  });
}
