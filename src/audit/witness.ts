import type { Head } from './chain.ts';

/** What the record of one migration, which lies elsewhere than the chains, has to say of them. */
export interface Witness {
  /** Where that record is, for messages. */
  readonly place: string;
  /** URL of the API server that it was read from; undefined for a copy on this machine. */
  readonly from: string | undefined;
  readonly migration: string;
  /** The migration has ended. */
  readonly ended: boolean;
  /** Something was begun: no act is without an entry. */
  readonly acted: boolean;
  /** URLs of the API servers whose chains tell of it. */
  readonly servers: readonly string[];
  /** Where the chains ended, each with the URL of its API server: once for every time that this was noted. */
  readonly heads: readonly (readonly (Head & { readonly server: string })[])[];
}
