import { z } from 'zod';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string().max(400);
const place = z.strictObject({
  /** URL of the API server; contexts mean something on one machine only. */
  server: text,
  namespace: text,
  pod: text,
  node: text,
  /** Who acts, as this cluster's API server sees it; '' where it does not tell. */
  user: text,
});

/**
 * One thing that was begun or has ended. Holds names, digests and codes: no value of an environment, a Secret or memory.
 * The same entry, by its id, is in the chains of both clusters.
 */
export const auditEntrySchema = z.strictObject({
  id: z.uuid(),
  /** RFC 3339. */
  at: z.iso.datetime(),
  /**
   * What somebody did, as the command is called; `migrate` is a whole move, `force-unlock` takes the lock of another migration
   * for this one, `abandon` gives up one that has not ended.
   */
  action: z.enum(['migrate', 'check', 'resume', 'rollback', 'finalize', 'force-unlock', 'abandon']),
  event: z.enum(['begun', 'ended']),
  migration: text,
  /** The machine that acted. */
  host: text,
  version: text,
  source: place,
  target: place,
  /** Migrations whose lock was to be taken. */
  takenFrom: z.array(text).optional(),
  /** SHA-256 of the plan (`planDigest` of the journal). */
  planDigest: digest,
  /** SHA-256 of the process image as the freeze sent it, or of the checkpoint as an image, once one was taken. */
  archiveDigest: digest.optional(),
  /** How it ended: an outcome of the exit code table, with the failure's code where there is one. */
  outcome: text.optional(),
  code: text.optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
