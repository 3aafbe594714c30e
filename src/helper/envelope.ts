import './interpreted-schemas.ts';
import { z } from 'zod';

/** Version of the helper's wire protocol. Both ends refuse any other. */
export const PROTOCOL_VERSION = 1;

/** Longest NDJSON line that either end accepts, in bytes. Longer ones end the stream. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Every code that a failed request can carry. */
export const HELPER_ERROR_CODES = [
  'bad-request',
  'wrong-state',
  'busy',
  'container-not-found',
  'not-movable',
  'criu-refused-dump',
  'criu-refused-restore',
  'tool-failed',
  'transfer-broken',
  'no-space',
  'deadline',
  'already-thawed',
  'internal',
] as const;

/** Why a request failed, in a word that programs can rely on. */
export type HelperErrorCode = (typeof HELPER_ERROR_CODES)[number];

/** Identifies a request. Sending the same id again returns the remembered reply and starts nothing. */
const requestId = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/);

/** A request as it travels; `args` are checked by the schema of the operation. */
export const requestSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  id: requestId,
  op: z.string().max(40),
  args: z.unknown(),
});

/** What went wrong: a code for programs, a sentence for people, and evidence such as lines of CRIU's log. */
const helperErrorSchema = z.strictObject({
  code: z.enum(HELPER_ERROR_CODES),
  summary: z.string().max(1000),
  detail: z.string().max(64 * 1024),
});

/** What of a message does not fit its schema, for people: the first field and what is wrong with it. Pure. */
export function misfit({ issues }: z.ZodError): string {
  const [first] = issues;
  const more = issues.length > 1 ? `, and ${issues.length - 1} more` : '';
  return first ? `${first.path.join('.') || 'the whole'}: ${first.message}${more}` : '';
}

/** A reply as it travels; `result` is checked by the schema of the operation. */
const replySchema = z.discriminatedUnion('ok', [
  z.strictObject({ v: z.literal(PROTOCOL_VERSION), id: requestId, ok: z.literal(true), result: z.unknown() }),
  z.strictObject({ v: z.literal(PROTOCOL_VERSION), id: requestId, ok: z.literal(false), error: helperErrorSchema }),
]);

/**
 * What the helper says unasked. `progress`: bytes of the transfer that belongs to request `id` so far.
 * `thawed`: the helper let the source go on by itself because its deadline passed before a seal.
 */
const eventSchema = z.discriminatedUnion('event', [
  z.strictObject({
    v: z.literal(PROTOCOL_VERSION),
    id: requestId,
    event: z.literal('progress'),
    bytes: z.number().int().nonnegative(),
  }),
  z.strictObject({ v: z.literal(PROTOCOL_VERSION), event: z.literal('thawed'), reason: z.string().max(200) }),
]);

/** A line from helper to plugin. */
export const messageSchema = z.union([replySchema, eventSchema]);

export type HelperRequest = z.infer<typeof requestSchema>;
export type HelperReply = z.infer<typeof replySchema>;
export type HelperEvent = z.infer<typeof eventSchema>;
export type HelperMessage = z.infer<typeof messageSchema>;
export type HelperErrorBody = z.infer<typeof helperErrorSchema>;
