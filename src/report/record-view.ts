import type { Json } from '../domain/json.ts';

/** A record as reports read it: the journal's own, seen from outside its room. */
export interface JournalLike {
  readonly id: string;
  readonly createdAt: string;
  readonly user: string;
  readonly host: string;
  readonly version: string;
  readonly planDigest: string;
  readonly plan: Json;
  readonly serial: number;
  readonly state: string;
  readonly entries: readonly JournalEntryLike[];
}

export interface JournalEntryLike {
  readonly serial: number;
  readonly time: string;
  readonly step: string;
  readonly kind: string;
  readonly data?: Json | undefined;
}
