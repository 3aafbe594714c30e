import type { Effect } from '../domain/effect.ts';
import { failureCode, MigrateError } from '../domain/errors.ts';
import { AUDIT_LABEL, MANAGED_BY, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import { neverSent } from '../kube/failures.ts';
import type { ConfigMap } from '../kube/objects.ts';
import type { ClusterReader, Gateway, ReadOptions } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { type Head, type Link, linkAfter, linkSchema, NO_LINKS } from './chain.ts';
import type { AuditEntry } from './entry.ts';

/** So many links a ConfigMap: below half of the API server's limit of 1 MiB with the longest names. */
export const SEGMENT_SIZE = 200;
const LABELS = { ...MANAGED_BY, [AUDIT_LABEL]: 'chain' };
/** How often an append is tried when somebody else appends at the same time, or an answer was lost. */
const TRIES = 8;

/** Everything that a cluster keeps of its chain, in the order in which it is kept. */
export interface KeptChain {
  readonly links: readonly Link[];
  /** Keys whose value is no link, as `configmap/key`. */
  readonly unreadable: readonly string[];
}

/** The writes that an entry can become. */
export interface AppendRehearsal {
  readonly create: ConfigMap;
  readonly patch?: { readonly name: string; readonly body: { readonly data: Readonly<Record<string, string>> } };
}

/** The chain of one cluster. */
export interface AuditChain {
  /** Where it is kept, for messages. */
  readonly place: string;
  /** Reads the whole chain. Throws F310 to F317. */
  read(options?: ReadOptions): Promise<KeptChain>;
  /** The end of the chain. */
  head(options?: ReadOptions): Promise<Head>;
  /**
   * What adding an entry would send: a patch of the newest ConfigMap, or a new one when that is full or there is none.
   * Both, where there is one, so that an API server can be asked about either. Read-only.
   */
  rehearsal(entry: AuditEntry, options?: ReadOptions): Promise<AppendRehearsal>;
  /** Adds an entry, and says where the chain ends with it. Idempotent by the entry's id within the newest segment. Throws F351. */
  append(entry: AuditEntry, options?: ReadOptions): Promise<Head>;
}

/** The ConfigMap that holds a link: its name follows from the number, so that one number is in one place only. */
function segmentRef(side: Side, segment: number, namespace: string) {
  const name = `audit-${String(segment).padStart(6, '0')}`;
  return { side, apiVersion: 'v1', kind: 'ConfigMap', namespace, name } satisfies ObjectRef;
}

const segmentOf = (seq: number): number => Math.max(1, Math.ceil(seq / SEGMENT_SIZE));
const keyOf = (seq: number): string => `entry-${String(seq).padStart(8, '0')}`;

/** What a plan must declare so that entries can be added. Which of the objects is the newest shows at the act. Pure. */
export function auditEffects(side: Side, namespace = SYSTEM_NAMESPACE): Effect[] {
  const object: ObjectRef = { side, apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'audit-*' };
  const common = { step: 'audit', phase: 'prepare', object, detail: 'who did what, kept for good' } as const;
  return [
    { ...common, verb: 'create' },
    { ...common, verb: 'patch' },
  ];
}

export interface AuditChainOptions {
  readonly reader: ClusterReader;
  /** Absent: the chain can only be read. */
  readonly gateway?: Gateway;
  /** By default that of helper pods and journals. */
  readonly namespace?: string;
}

/** A chain in ConfigMaps of one namespace, which must exist for an append. */
export function createAuditChain({ reader, gateway, namespace = SYSTEM_NAMESPACE }: AuditChainOptions): AuditChain {
  const { side } = reader;
  const place = `${reader.context}: configmaps ${namespace}/audit-*`;
  const segment = (number: number, options: ReadOptions = {}) =>
    reader.get<ConfigMap>(RESOURCES.configMap, segmentRef(side, number, namespace).name, { ...options, namespace });
  const newest = async (options?: ReadOptions): Promise<ConfigMap | undefined> =>
    segment(await lastWith(async (candidate) => (await segment(candidate, options)) !== undefined), options);
  return {
    place,
    read: async (options = {}) => {
      const labelSelector = Object.entries(LABELS)
        .map((pair) => pair.join('='))
        .join(',');
      return keptIn(await reader.list<ConfigMap>(RESOURCES.configMap, { ...options, namespace, labelSelector }));
    },
    head: async (options) => headOf(await newest(options)),
    rehearsal: async (entry, options) => {
      const found = await newest(options);
      const { seq, data } = nextLink(found, entry);
      const number = segmentOf(seq);
      const ref = segmentRef(side, number, namespace);
      const isThere = found?.metadata.name === ref.name;
      const made = newSegment(isThere ? segmentRef(side, number + 1, namespace) : ref, data);
      return { create: made, ...(isThere && { patch: { name: ref.name, body: { data } } }) };
    },
    append: async (entry, options = {}) => {
      if (!gateway) throw new Error('this chain was opened for reading');
      for (let tries = 1; ; tries++) {
        const found = await newest(options);
        const present = linksOf(found).find((link) => link.entry.id === entry.id);
        if (present) return { seq: present.seq, hash: present.hash };
        const { seq, hash, data } = nextLink(found, entry);
        const ref = segmentRef(side, segmentOf(seq), namespace);
        try {
          if (found && found.metadata.name === ref.name) {
            const { resourceVersion = '' } = found.metadata;
            const change = { metadata: { resourceVersion }, data };
            await gateway.patch({ ...ref, resource: RESOURCES.configMap }, 'merge', change, options);
          } else {
            await gateway.create(side, RESOURCES.configMap, newSegment(ref, data), options);
          }
          return { seq, hash };
        } catch (error) {
          if (!worthAnotherTry(error) || tries >= TRIES) throw notWritten(place, error);
        }
      }
    },
  };
}

/** The link that an entry becomes, as it is kept. */
function nextLink(newest: ConfigMap | undefined, entry: AuditEntry) {
  const link = linkAfter(headOf(newest), entry);
  return { seq: link.seq, hash: link.hash, data: { [keyOf(link.seq)]: JSON.stringify(link) } };
}

function newSegment({ name, namespace }: { name: string; namespace: string }, data: Record<string, string>): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: LABELS }, data };
}

/** The largest number from 1 on for which `exists` holds without a gap; 1 when there is none. */
async function lastWith(exists: (number: number) => Promise<boolean>): Promise<number> {
  let low = 1;
  let high = 2;
  while (await exists(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await exists(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Somebody else was faster, or nobody knows whether it was written: reading again tells. */
function worthAnotherTry(error: unknown): boolean {
  const code = failureCode(error) ?? '';
  return ['F315', 'F318'].includes(code) || (['F310', 'F311', 'F317'].includes(code) && !neverSent(error));
}

function keptIn(segments: readonly ConfigMap[]): KeptChain {
  const kept = segments
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ metadata, data = {} }) =>
      Object.entries(data)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => ({ where: `${metadata.name}/${key}`, link: parseLink(value) })),
    );
  return {
    links: kept.flatMap(({ link }) => link ?? []),
    unreadable: kept.filter(({ link }) => link === undefined).map(({ where }) => where),
  };
}

const linksOf = (segment: ConfigMap | undefined): readonly Link[] => (segment ? keptIn([segment]).links : []);

function headOf(segment: ConfigMap | undefined): Head {
  const last = linksOf(segment).at(-1);
  return last ? { seq: last.seq, hash: last.hash } : NO_LINKS;
}

function parseLink(text: string): Link | undefined {
  try {
    return linkSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function notWritten(place: string, cause: unknown): MigrateError {
  const why = cause instanceof MigrateError ? cause.detail : String(cause);
  return new MigrateError('F351', {
    detail: `${place}: ${why}`,
    remedy: 'mend what is named above: nothing is done that the audit record does not tell of',
    cause,
  });
}
