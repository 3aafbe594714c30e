import { MigrateError } from '../domain/errors.ts';
import { unlessAborted } from '../domain/unless-aborted.ts';
import { type ApiClient, ApiFailure, type ApiRequest } from './api-client.ts';

/** How long the answer to what was sent is waited for once nobody wants it any more, in ms. */
const LINGER_MS = 3000;

/**
 * The writes that one gateway has sent. An API server carries out what it was sent whether or not somebody waits for the
 * answer: what it makes only after a way back has looked for it would stay.
 */
export class WritesInFlight {
  readonly #sent = new Set<Promise<void>>();
  readonly #unanswered: MigrateError[] = [];

  /**
   * Sends a write, called `what` in messages. Throws what the client throws, and the signal's reason as soon as that is
   * aborted: what was not sent by then never is, and the answer to what was is taken note of for a little longer.
   */
  async send(api: ApiClient, request: ApiRequest, what: string): Promise<unknown> {
    const { signal } = request;
    const answer = api.request({ ...request, lingerMs: LINGER_MS });
    const landed = answer.then(
      () => undefined,
      (error: unknown) => {
        const ms = timeoutOf(error);
        if (ms !== undefined) this.#unanswered.push(unanswered(api, what, ms));
      },
    );
    this.#sent.add(landed);
    void landed.then(() => this.#sent.delete(landed));
    return await unlessAborted(signal, answer);
  }

  /** Returns when every write that was sent has been answered or given up; yields an F311 for each that was given up. */
  async landed(): Promise<readonly MigrateError[]> {
    await Promise.all(this.#sent);
    return [...this.#unanswered];
  }
}

function timeoutOf(error: unknown): number | undefined {
  return error instanceof ApiFailure && error.info.kind === 'timeout' ? error.info.ms : undefined;
}

function unanswered({ server, context }: ApiClient, what: string, ms: number): MigrateError {
  return new MigrateError('F311', {
    detail: `${server} (context ${context}) was told to ${what}, and did not answer for ${ms / 1000} s: it may do so yet`,
    remedy: 'look at the API server',
  });
}
