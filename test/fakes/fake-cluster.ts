import type { Clock } from '../../src/domain/clock.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { ApiClient, ApiRequest, WatchEvent } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Access, ExecRequest, ExecStream, Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { AppliedFields } from './applied-fields.ts';
import { type Command, runCommand } from './fake-exec.ts';
import { Faults } from './fake-faults.ts';
import { listAnswer, reviewAccess } from './fake-reads.ts';
import { parsePath, type Route } from './fake-routes.ts';
import { describe, FakeStore, type Key, status } from './fake-store.ts';
import { FakeWatches } from './fake-watches.ts';
import { applyPatch, checkWritable, managerOf } from './fake-writes.ts';
import { isRecord } from './selectors.ts';

export interface FakeClusterOptions {
  readonly clock: Clock;
  readonly user?: string;
}

/**
 * An API server in memory, for everything that is written against ApiClient. What it does as the real one does:
 *
 * - uids, creation times, one resourceVersion counter for all kinds; a patch that changes nothing keeps the version;
 *   `generation` of workloads (apps/v1), raised by a change of their spec;
 * - 404 for unknown kinds, objects and namespaces; 409 AlreadyExists; 409 Conflict for a resourceVersion or uid that is
 *   not the present one; 422 for a missing name and for a ConfigMap over 1 MiB; unknown fields are kept;
 * - merge, JSON and apply patches (apply creates what is missing, and takes away what the same manager alone applied and
 *   applies no more; conflicts are not modelled); strategic patches as merge patches, refused when they hold a list of objects, whose merge keys the fake does not know;
 * - lists with label and field selectors, pages (`limit`, `continue`), items without kind and apiVersion;
 * - watches from a version on, events for objects that enter and leave a selection, ERROR 410 after `compact()`;
 * - pods with a node and a grace period get a deletionTimestamp and go when it is over by the clock; objects with
 *   finalizers when the last one is taken away; a namespace at once with all that is in it;
 * - SelfSubjectAccessReview (no to what `deny` lists), SelfSubjectReview, and its version.
 *
 * What it does not do: controllers, scheduling, kubelets, defaults, validation. A test plays those with `seed`, `change`
 * and `onChange`, gives pods their commands with `onExec` and kubelets their answers with `onProxy`. Faults are set through `faults`; `calls` lists every
 * request in order.
 */
export class FakeCluster {
  readonly calls: ApiRequest[] = [];
  readonly faults = new Faults();
  readonly deny: Access[] = [];
  readonly #clock: Clock;
  readonly #user: string;
  readonly #store: FakeStore;
  readonly #watches: FakeWatches;
  readonly #applied = new AppliedFields();
  #command: Command = () => Promise.resolve(0);
  #kubelet: (path: string, node: string) => unknown = () => undefined;

  /** What admission makes of a new object; it throws what it refuses it with. */
  admit: (object: KubeObject) => KubeObject = (object) => object;

  constructor(options: FakeClusterOptions) {
    this.#clock = options.clock;
    this.#user = options.user ?? 'fake-user';
    this.#store = new FakeStore(() => this.#clock.now());
    this.#watches = new FakeWatches(this.#store, this.#clock);
    for (const name of ['default', 'kube-system']) {
      this.seed(RESOURCES.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
  }

  /** A client of this cluster; both sides of a move may be clients of the same one. */
  client(side: Side, context: string = side, requestTimeoutMs = 10_000): ApiClient {
    const checked = <T>(request: ApiRequest, act: () => Promise<T>): Promise<T> => {
      request.signal?.throwIfAborted();
      this.calls.push(request);
      return this.faults.run(request, request.timeoutMs ?? requestTimeoutMs, act);
    };
    return {
      side,
      context,
      server: `https://${context}.fake`,
      requestTimeoutMs,
      request: async (request) => await checked(request, async () => structuredClone(this.#answer(request))),
      watch: (request) => this.#watch(request, checked),
      exec: async (request) =>
        await checked(execRequest(request), async () => {
          // A command has no connection to begin on any more.
          request.signal?.throwIfAborted();
          return this.#exec(request);
        }),
    };
  }

  /** Adds an object as somebody else would. */
  seed<T extends KubeObject>(resource: Resource, object: T): T {
    const { name, namespace } = object.metadata;
    return this.#store.insert({ resource, namespace, name }, object) as T;
  }

  /** Changes an object as somebody else would, a kubelet for instance. */
  change<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    edit: (object: T) => void,
  ) {
    const key = { resource, namespace, name };
    const object = this.#store.get(key);
    if (object === undefined) throw new Error(`${describe(key)} is not there`);
    edit(object as T);
    this.#store.replace(key, object);
  }

  /** Looks without a call being logged. */
  peek<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): T | undefined {
    return this.#store.get({ resource, namespace, name }) as T | undefined;
  }

  /** Everything of a kind, without a call being logged. */
  all(resource: Resource, namespace?: string): KubeObject[] {
    return this.#store.list(resource.plural, namespace);
  }

  /** Deletes an object as somebody else would: a pod with a node has its own grace period. */
  terminate(resource: Resource, namespace: string | undefined, name: string): void {
    const key = { resource, namespace, name };
    const object = this.#store.get(key);
    if (object) this.#delete(key, object, { method: 'DELETE', path: '' });
  }

  /** Removes an object at once. */
  remove(resource: Resource, namespace: string | undefined, name: string): void {
    this.#store.remove({ resource, namespace, name });
  }

  /** Lets a test react to changes as a controller or a kubelet would. Called after the change, in its own turn. */
  onChange(react: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => void): void {
    this.#store.listen((change) => queueMicrotask(() => react(change.type, change.object)));
  }

  /** What commands in pods do. */
  onExec(command: Command): void {
    this.#command = command;
  }

  /** What kubelets answer to a POST through the node proxy, given the path behind it and the node. */
  onProxy(kubelet: (path: string, node: string) => unknown): void {
    this.#kubelet = kubelet;
  }

  /** Ends every open watch, as a server that restarts does. */
  dropWatches(): void {
    this.#watches.drop();
  }

  /** Forgets history: lists go on, watches from before end with 410. */
  compact(): void {
    this.#store.compact();
  }

  #answer(request: ApiRequest): unknown {
    if (request.path.endsWith('/selfsubjectaccessreviews')) return reviewAccess(this.deny, request.body);
    if (request.path.endsWith('/selfsubjectreviews')) return { status: { userInfo: { username: this.#user } } };
    if (request.path === '/version') return { gitVersion: 'v1.37.0' };
    const [, node, proxied] = /^\/api\/v1\/nodes\/([^/]+)\/proxy(\/.*)$/.exec(request.path) ?? [];
    if (node !== undefined && proxied !== undefined) return this.#proxy(node, proxied);
    const route = parsePath(request.path);
    if (request.method === 'POST') return this.#create(route, request);
    if (request.method === 'GET' && route.name === undefined) return listAnswer(this.#store, route, request);
    const key = { ...route, name: route.name ?? '' };
    if (isApply(request) && !this.#store.get(key)) {
      return this.#create(route, { ...request, body: withName(request.body, key) });
    }
    const object = this.#store.get(key);
    if (object === undefined) throw status(404, 'NotFound', `${describe(key)} not found`);
    if (request.method === 'PATCH') return this.#patch(key, object, request);
    if (request.method === 'DELETE') return this.#delete(key, object, request);
    return object;
  }

  #proxy(name: string, path: string): unknown {
    const key = { resource: RESOURCES.node, namespace: undefined, name };
    if (!this.#store.get(key)) throw status(404, 'NotFound', `${describe(key)} not found`);
    return this.#kubelet(path, name);
  }

  #create(route: Route, request: ApiRequest): KubeObject {
    const object = checkWritable(route, request.body);
    const key = { ...route, name: object.metadata.name };
    const { namespace } = route;
    if (namespace !== undefined && !this.peek(RESOURCES.namespace, undefined, namespace)) {
      throw status(404, 'NotFound', `namespaces "${namespace}" not found`);
    }
    const admitted = this.admit(object);
    if (request.query?.['dryRun'] === 'All') return admitted;
    const made = this.#store.insert(key, admitted);
    if (isApply(request)) this.#applied.note(undefined, made, request.body, managerOf(request));
    return made;
  }

  #patch(key: Key, object: KubeObject, request: ApiRequest): KubeObject {
    const patched = checkWritable(key, applyPatch(key, object, request, this.#applied));
    if (request.query?.['dryRun'] === 'All') return patched;
    const { deletionTimestamp, finalizers } = patched.metadata;
    const gone = deletionTimestamp !== undefined && Array.isArray(finalizers) && finalizers.length === 0;
    const stored = this.#store.replace(key, patched);
    if (isApply(request)) this.#applied.note(object, stored, request.body, managerOf(request));
    if (gone) this.#store.remove(key);
    return stored;
  }

  #delete(key: Key, object: KubeObject, request: ApiRequest): unknown {
    const options = isRecord(request.body) ? request.body : {};
    const wanted = isRecord(options['preconditions']) ? options['preconditions'] : {};
    const { uid, resourceVersion } = object.metadata;
    if (wanted['uid'] !== undefined && wanted['uid'] !== uid) {
      throw status(409, 'Conflict', `the UID in the precondition (${wanted['uid']}) does not match the UID in record`);
    }
    if (wanted['resourceVersion'] !== undefined && wanted['resourceVersion'] !== resourceVersion) {
      const version = `${wanted['resourceVersion']}`;
      throw status(409, 'Conflict', `the ResourceVersion in the precondition (${version}) does not match the record`);
    }
    if (request.query?.['dryRun'] === 'All' || Array.isArray(options['dryRun'])) return object;
    const { finalizers } = object.metadata;
    const held = Array.isArray(finalizers) && finalizers.length > 0;
    const seconds = graceOf(key.resource, object, options['gracePeriodSeconds']);
    if (!held && seconds === 0) return this.#removeNow(key, object);
    object.metadata.deletionTimestamp ??= new Date(this.#clock.now() + seconds * 1000).toISOString();
    const stored = this.#store.replace(key, object);
    if (!held) {
      this.#clock.sleep(seconds * 1000).then(
        () => this.#removeIfSame(key, object.metadata.uid),
        () => undefined,
      );
    }
    return stored;
  }

  #removeNow(key: Key, object: KubeObject): unknown {
    if (key.resource.kind === 'Namespace') {
      for (const resource of Object.values(RESOURCES)) {
        for (const each of resource.namespaced ? this.all(resource, key.name) : []) {
          this.remove(resource, key.name, each.metadata.name);
        }
      }
    }
    this.#store.remove(key);
    return {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Success',
      details: { name: key.name, uid: object.metadata.uid },
    };
  }

  #removeIfSame(key: Key, uid: string | undefined): void {
    if (this.#store.get(key)?.metadata.uid === uid) this.#store.remove(key);
  }

  async *#watch(
    request: ApiRequest,
    checked: <T>(request: ApiRequest, act: () => Promise<T>) => Promise<T>,
  ): AsyncGenerator<WatchEvent> {
    const events = await checked(request, async () => this.#watches.open(parsePath(request.path), request));
    yield* events;
  }

  #exec(request: ExecRequest): ExecStream {
    const pod = this.peek(RESOURCES.pod, request.namespace, request.pod);
    if (pod === undefined) throw status(404, 'NotFound', `pods "${request.pod}" not found`);
    return runCommand(request, this.#command);
  }
}

function isApply({ method, contentType }: ApiRequest): boolean {
  return method === 'PATCH' && contentType?.includes('apply') === true;
}

function execRequest(request: ExecRequest): ApiRequest {
  const path = `/api/v1/namespaces/${request.namespace}/pods/${request.pod}/exec`;
  return { method: 'POST', path, body: { command: request.command }, signal: request.signal };
}

function withName(body: unknown, key: Key): unknown {
  return isRecord(body)
    ? { ...body, metadata: { ...(isRecord(body['metadata']) ? body['metadata'] : {}), name: key.name } }
    : body;
}

function graceOf(resource: Resource, object: KubeObject, asked: unknown): number {
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  if (resource.kind !== 'Pod' || spec['nodeName'] === undefined) return 0;
  return Number(asked ?? spec['terminationGracePeriodSeconds'] ?? 30);
}
