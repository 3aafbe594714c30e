import type { Verb } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import { describeRef, type ObjectRef, objectName } from '../domain/refs.ts';
import { unlessAborted } from '../domain/unless-aborted.ts';
import { type ApiClient, ApiFailure, type ApiRequest, statusCode } from './api-client.ts';
import type { Unanswered } from './ports.ts';

/** How long the answer to what was sent is waited for once nobody wants it any more, in ms. */
const LINGER_MS = 3000;

/**
 * The writes that one gateway has sent. An API server carries out what it was sent whether or not somebody waits for the
 * answer: what it makes only after a way back has looked for it would stay.
 */
export class WritesInFlight {
  readonly #sent = new Set<Promise<void>>();
  /** By what was sent. */
  readonly #unanswered = new Map<unknown, Unanswered>();

  /**
   * Sends a write. Throws what the client throws, and the signal's reason as soon as that is aborted: what was not sent by
   * then never is, and the answer to what was is taken note of for a little longer.
   */
  async send(api: ApiClient, request: ApiRequest, verb: Verb, object: ObjectRef): Promise<unknown> {
    const answer = api.request({ ...request, lingerMs: LINGER_MS });
    const landed = answer.then(
      () => {
        // Perhaps the same that was sent before.
        this.#unanswered.delete(request.body);
        if (verb === 'delete') this.seen(object);
      },
      (error: unknown) => {
        // What deletes leaves nothing behind.
        if (verb === 'delete' || !isUnanswered(error)) return;
        this.#unanswered.set(request.body, { object, error: unanswered(api, verb, object) });
      },
    );
    this.#sent.add(landed);
    void landed.then(() => this.#sent.delete(landed));
    return await unlessAborted(request.signal, answer);
  }

  /** An object was there: whoever was to make it has. */
  seen(object: ObjectRef): void {
    for (const [sent, each] of this.#unanswered)
      if (describeRef(each.object) === describeRef(object)) this.#unanswered.delete(sent);
  }

  /** See Gateway. */
  async landed(): Promise<readonly Unanswered[]> {
    await Promise.all(this.#sent);
    return [...this.#unanswered.values()];
  }
}

/** An API server, or a proxy before it, that says 408 or 504 has given up waiting, and not what it waited for. */
function isUnanswered(error: unknown): boolean {
  if (!(error instanceof ApiFailure)) return false;
  if (error.info.kind === 'timeout') return error.info.sent;
  return [408, 504].includes(statusCode(error) ?? 0);
}

function unanswered({ server, context }: ApiClient, verb: Verb, object: ObjectRef): MigrateError {
  return new MigrateError('F311', {
    detail: `${server} (context ${context}) was told to ${verb} ${objectName(object)} and did not say in time whether it has: it may do so yet`,
    remedy: 'look at the API server',
  });
}
