import { z } from 'zod';
import type { Clock } from '../domain/clock.ts';
import { declares, type Effect, type Verb } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { describeRef, type ObjectRef, objectName, type Side } from '../domain/refs.ts';
import { hasWithheld } from '../domain/withheld.ts';
import { type ApiClient, type ApiRequest, PATCH_CONTENT_TYPES, resourcePath, statusCode } from './api-client.ts';
import { type CheckpointRequest, takeCheckpoint } from './checkpoint.ts';
import { toMigrateError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { Deletion, ExecRequest, Gateway, ReadOptions, Resource } from './ports.ts';
import { asObject } from './read.ts';
import { withRetry } from './retry.ts';
import { WritesInFlight } from './writes-in-flight.ts';

/** Whose fields these are, as managedFields tells it. */
const FIELD_MANAGER = 'kubectl-migrate';

export interface GatewayOptions {
  readonly source: ApiClient;
  readonly target: ApiClient;
  /** The effects that the plan declares, those of the way back included. */
  readonly effects: readonly Effect[];
  readonly clock: Clock;
  /** Asked right before every write to a side; what it throws keeps the write from being sent. */
  readonly mayWrite?: (side: Side) => Promise<void>;
  /** Lets the servers check every write and keep none of them (`dryRun=All`). Streams are refused then. */
  readonly serverDryRun?: boolean;
}

const statusUid = z.looseObject({ metadata: z.looseObject({ uid: z.string().optional() }).optional() });

/**
 * The only writer to a pair of clusters. Repeats a call only when the server certainly did not perform it (connection
 * refused, 429, 401); deletion is idempotent and repeated like a read.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const declared = declares(options.effects);
  const apis: Readonly<Record<Side, ApiClient>> = { source: options.source, target: options.target };
  const inFlight = new WritesInFlight();
  const query = { fieldManager: FIELD_MANAGER, ...(options.serverDryRun ? { dryRun: 'All' } : {}) };

  const perform = async <T>(verb: Verb, object: ObjectRef, plural: string, act: Act<T>): Promise<T> => {
    if (!declared({ verb, object })) throw undeclared(verb, object);
    if (object.kind !== 'ConfigMap' && hasWithheld(act.body)) throw incomplete(verb, object);
    const api = apis[object.side];
    const isKept = verb !== 'checkpoint' && !options.serverDryRun;
    const writing: ApiClient = {
      ...api,
      request: (request) =>
        isKept && request.method !== 'GET' ? inFlight.send(api, request, verb, object) : api.request(request),
    };
    try {
      const attempt = async () => {
        await options.mayWrite?.(object.side);
        return act.run(writing);
      };
      return await withRetry(attempt, {
        clock: options.clock,
        withinMs: api.requestTimeoutMs,
        idempotent: act.idempotent,
        signal: act.signal,
      });
    } catch (error) {
      const { context, server, requestTimeoutMs: timeoutMs } = api;
      const what = { verb: API_VERB[verb], resource: plural, object: objectName(object) };
      throw toMigrateError(error, { ...what, context, server, timeoutMs });
    }
  };

  return {
    landed: () => inFlight.landed(),
    create: <T extends KubeObject>(side: Side, resource: Resource, object: T, { signal }: ReadOptions = {}) => {
      const { name, namespace } = object.metadata;
      const ref = { side, ...resource, name, ...(namespace === undefined ? {} : { namespace }) };
      const request: ApiRequest = {
        method: 'POST',
        path: resourcePath(resource, namespace),
        query,
        body: object,
        signal,
      };
      return perform('create', ref, resource.plural, {
        run: async (api) => asObject<T>(await api.request(request), resource),
        body: object,
        idempotent: false,
        signal,
      });
    },
    apply: <T extends KubeObject>(
      side: Side,
      resource: Resource,
      object: T,
      { signal, force = false }: ApplyOptions = {},
    ) => {
      const { name, namespace } = object.metadata;
      const ref = { side, ...resource, name, ...(namespace === undefined ? {} : { namespace }) };
      const path = resourcePath(resource, namespace, name);
      const contentType = PATCH_CONTENT_TYPES.apply;
      const asked = force ? { ...query, force: 'true' } : query;
      const request: ApiRequest = { method: 'PATCH', path, query: asked, body: object, contentType, signal };
      return perform('apply', ref, resource.plural, {
        run: async (api) => asObject<T>(await api.request(request), resource),
        body: object,
        // Applying the same object once more changes nothing.
        idempotent: true,
        signal,
      });
    },
    patch: <T extends KubeObject>(
      ref: ObjectRef & { resource: Resource },
      type: 'merge' | 'json' | 'strategic' | 'apply',
      body: Json,
      { signal }: ReadOptions = {},
    ) => {
      const path = resourcePath(ref.resource, ref.namespace, ref.name);
      const request: ApiRequest = {
        method: 'PATCH',
        path,
        query,
        body,
        contentType: PATCH_CONTENT_TYPES[type],
        signal,
      };
      return perform('patch', ref, ref.resource.plural, {
        run: async (api) => asObject<T>(await api.request(request), ref.resource),
        body,
        idempotent: false,
        signal,
      });
    },
    delete: (ref, deletion = {}) => {
      if (deletion.uid !== undefined) inFlight.seen(ref);
      return perform('delete', ref, ref.resource.plural, {
        run: (api) => deleteObject(api, ref, deletion, options.serverDryRun === true),
        idempotent: true,
        signal: deletion.signal,
      });
    },
    exec: (side: Side, request: ExecRequest) => {
      const { namespace, pod: name } = request;
      const ref: ObjectRef = { side, apiVersion: 'v1', kind: 'Pod', namespace, name };
      if (options.serverDryRun) return Promise.reject(undeclared('exec', ref));
      return perform('exec', ref, 'pods/exec', {
        run: (api) => api.exec(request),
        idempotent: false,
        signal: request.signal,
      });
    },
    checkpoint: (side: Side, request: CheckpointRequest) => {
      const ref: ObjectRef = { side, apiVersion: 'v1', kind: 'Node', name: request.node };
      if (options.serverDryRun) return Promise.reject(undeclared('checkpoint', ref));
      return perform('checkpoint', ref, 'nodes/proxy', {
        run: (api) => takeCheckpoint(api, request),
        idempotent: false,
        signal: request.signal,
      });
    },
  };
}

/** The verb that the API server asks permission for. */
const API_VERB: Readonly<Record<Verb, string>> = {
  create: 'create',
  apply: 'patch',
  patch: 'patch',
  delete: 'delete',
  exec: 'create',
  checkpoint: 'create',
};

type ApplyOptions = ReadOptions & { readonly force?: boolean };

interface Act<T> {
  readonly run: (api: ApiClient) => Promise<T>;
  /** What it sends of an object. */
  readonly body?: unknown;
  readonly idempotent: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Records hold no values of variables. */
function incomplete(verb: Verb, object: ObjectRef): MigrateError {
  return new MigrateError('F350', {
    detail: `cannot ${verb} ${objectName(object)}: the Secret with the values of its variables, which no record holds, is gone`,
    remedy: 'lead the move back (rollback), or write the object yourself',
  });
}

async function deleteObject(
  api: ApiClient,
  ref: ObjectRef & { readonly resource: Resource },
  options: Deletion,
  dryRun: boolean,
): Promise<void> {
  const { uid, resourceVersion } = options;
  const path = resourcePath(ref.resource, ref.namespace, ref.name);
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: 'Background',
    gracePeriodSeconds: options.gracePeriodSeconds,
    ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  };
  try {
    await api.request({ method: 'DELETE', path, body, signal: options.signal });
  } catch (error) {
    const code = statusCode(error);
    // Asked beforehand, that nothing is there is no yes.
    if (code === 404 && !dryRun) return;
    if (code === 409 && !dryRun && options.uid !== undefined && (await isOther(api, path, options.uid, options.signal)))
      return;
    throw error;
  }
}

/** Whether the path now leads to another object than the one with that uid, or to none. */
async function isOther(api: ApiClient, path: string, uid: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const object = statusUid.parse(await api.request({ method: 'GET', path, signal }));
    return object.metadata?.uid !== uid;
  } catch (error) {
    if (statusCode(error) === 404) return true;
    throw error;
  }
}

function undeclared(verb: Verb, object: ObjectRef): MigrateError {
  return new MigrateError('F399', {
    detail: `the plan does not declare: ${verb} ${describeRef(object)}`,
    remedy: 'report this; the clusters were not touched by this act',
  });
}
