import type { Readable, Writable } from 'node:stream';

/** The process as the program sees it; tests pass their own. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first interrupt (SIGINT, SIGTERM, SIGHUP). */
  readonly interrupt: AbortSignal;
}
