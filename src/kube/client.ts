import type { Clock } from '../domain/clock.ts';
import { objectName } from '../domain/refs.ts';
import { currentUser, refusedAccess } from './access.ts';
import { type ApiClient, resourcePath } from './api-client.ts';
import { toMigrateError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { ClusterReader, ListOptions, ReadOptions, Resource } from './ports.ts';
import { asObject, getObject, listObjects, listPages } from './read.ts';
import { withRetry } from './retry.ts';
import { waitForObject } from './wait.ts';

/** Read access over an API client: retries, paging and error sentences. See ClusterReader for the contract. */
export function createReader(api: ApiClient, clock: Clock): ClusterReader {
  const guarded = async <T>(verb: string, resource: string, object: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      const { context, server, requestTimeoutMs } = api;
      throw toMigrateError(error, { verb, resource, object, context, server, timeoutMs: requestTimeoutMs });
    }
  };
  const retrying = <T>(signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> =>
    withRetry(act, { clock, withinMs: api.requestTimeoutMs, idempotent: true, signal });
  return {
    side: api.side,
    context: api.context,
    server: api.server,
    get: <T extends KubeObject>(resource: Resource, name: string, options: ListOptions = {}) =>
      guarded('get', resource.plural, nameOf(resource, options.namespace, name), () =>
        retrying(options.signal, () => getObject<T>(api, resource, name, options)),
      ),
    list: <T extends KubeObject>(resource: Resource, options: ListOptions = {}) =>
      guarded('list', resource.plural, resource.plural, () =>
        retrying(options.signal, () => listObjects<T>(api, resource, options)),
      ),
    pages: <T extends KubeObject>(resource: Resource, options: ListOptions = {}) =>
      listPages<T>(api, resource, options, (act) =>
        guarded('list', resource.plural, resource.plural, () => retrying(options.signal, act)),
      ),
    refused: (questions, options = {}) =>
      guarded('create', 'selfsubjectaccessreviews', 'access review', () =>
        retrying(options.signal, () => refusedAccess(api, questions, options)),
      ),
    waitFor: (resource, ref, check, options) =>
      guarded('watch', resource.plural, nameOf(resource, ref.namespace, ref.name), () =>
        waitForObject({ api, clock, resource, ref, check, options }),
      ),
    wouldCreate: <T extends KubeObject>(resource: Resource, object: T, { signal }: ReadOptions = {}) => {
      const { name, namespace } = object.metadata;
      const path = resourcePath(resource, namespace);
      return guarded('create', resource.plural, nameOf(resource, namespace, name), () =>
        retrying(signal, async () =>
          asObject<T>(
            await api.request({ method: 'POST', path, query: { dryRun: 'All' }, body: object, signal }),
            resource,
          ),
        ),
      );
    },
    whoAmI: (options = {}) =>
      guarded('create', 'selfsubjectreviews', 'self review', () =>
        retrying(options.signal, () => currentUser(api, options)),
      ),
  };
}

function nameOf(resource: Resource, namespace: string | undefined, name: string): string {
  return objectName({ ...resource, name, ...(namespace === undefined ? {} : { namespace }) });
}
