import { MigrateError } from '../domain/errors.ts';
import type { Side } from '../domain/refs.ts';
import { type ApiClient, ApiFailure } from './api-client.ts';
import { createReader } from './client.ts';
import { systemClock } from './clock.ts';
import type { Cluster } from './connect.ts';

/** A cluster that nothing here leads to: whatever is asked of it is an F310 that says why, and was never sent. */
export function unreachableCluster(
  side: Side,
  place: { readonly context: string; readonly server: string; readonly namespace: string },
  { detail, remedy }: Pick<MigrateError, 'detail' | 'remedy'>,
): Cluster {
  const { context, server, namespace } = place;
  const failure = (): MigrateError =>
    new MigrateError('F310', {
      detail,
      remedy,
      cause: new ApiFailure({ kind: 'transport', code: 'NO_CONTEXT', message: detail, sent: false }),
    });
  const api: ApiClient = {
    side,
    context,
    server,
    requestTimeoutMs: 0,
    request: () => Promise.reject(failure()),
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failure()) }) }),
    exec: () => Promise.reject(failure()),
  };
  return { reader: createReader(api, systemClock), api, context, namespace, server, close: () => undefined };
}
