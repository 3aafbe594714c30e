import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { volumeSchema } from './facts.ts';
import { IMAGES_DIR } from './pod-spec.ts';
import type { HelperResult } from './protocol.ts';
import { uptimeMs } from './uptime.ts';

// What a restarted helper has to know; it lies beside the images, where it lives as long as the pod.

const memberSchema = z.strictObject({
  containerId: z.string(),
  rootPid: z.number().int(),
  startTime: z.number(),
  volumes: z.array(volumeSchema),
});
/** `siblings`: stopped with the members, and not dumped. */
const who = { members: z.array(memberSchema), siblings: z.array(memberSchema).optional() };

const placeSchema = z.strictObject({
  containerId: z.string(),
  placeholderPid: z.number().int(),
  startTime: z.number(),
  /** The restored root; 0 before the restore. */
  rootPid: z.number().int(),
  /** Mount points of volumes that files are written into. */
  volumes: z.array(z.string()),
});

const sourceSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('idle') }),
  /** `thawAt`: by `uptimeMs`. */
  z.strictObject({ state: z.literal('frozen'), ...who, thawAt: z.number() }),
  z.strictObject({ state: z.literal('sealed'), ...who, thawAt: z.number() }),
  z.strictObject({ state: z.literal('released'), ...who, thawAt: z.number() }),
  /** Let go, or about to be; never sealed any more. */
  z.strictObject({ state: z.literal('thawing'), ...who }),
  z.strictObject({ state: z.literal('thawed'), ...who }),
]);

const targetSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('idle') }),
  z.strictObject({
    state: z.enum(['prepared', 'restored', 'continued', 'discarded']),
    places: z.array(placeSchema),
    sourceAddresses: z.array(z.string()),
  }),
]);

export type SourceRecord = z.infer<typeof sourceSchema>;
export type TargetRecord = z.infer<typeof targetSchema>;
/** A container that is moved away. */
export type SourceMember = z.infer<typeof memberSchema>;
/** A placeholder that a container is moved into. */
export type Place = z.infer<typeof placeSchema>;

function load<T>(name: string, schema: z.ZodType<T>, otherwise: T): T {
  try {
    return schema.parse(JSON.parse(readFileSync(path.join(IMAGES_DIR, name), 'utf8')));
  } catch {
    return otherwise;
  }
}

function save(name: string, value: object): void {
  const file = path.join(IMAGES_DIR, name);
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/**
 * When this helper ends itself, by `uptimeMs`, whichever of its processes asks: `wanted` counts for the first, and after a
 * boot, where what the former one was given says nothing.
 */
export function firstDeadline(wanted: number): number {
  const first = load('deadline.json', z.strictObject({ endsAt: z.number() }), { endsAt: wanted });
  const endsAt = Math.min(first.endsAt, wanted);
  save('deadline.json', { endsAt });
  return endsAt;
}

export const loadSource = (): SourceRecord => load('source.json', sourceSchema, { state: 'idle' });
export const saveSource = (record: SourceRecord): void => save('source.json', record);
export const loadTarget = (): TargetRecord => load('target.json', targetSchema, { state: 'idle' });
export const saveTarget = (record: TargetRecord): void => save('target.json', record);

/** What the plugin is told of a source. */
export function statusOf(record: SourceRecord): HelperResult<'status'>['source'] {
  const { state } = record;
  if (state === 'idle') return { state, containerIds: [], thawInMs: null };
  const containerIds = record.members.map(({ containerId }) => containerId);
  // Still stopped, as far as anyone may rely on it.
  if (state === 'thawing') return { state: 'frozen', containerIds, thawInMs: 0 };
  const thawInMs = state === 'frozen' ? Math.max(0, record.thawAt - uptimeMs()) : null;
  return { state, containerIds, thawInMs };
}
