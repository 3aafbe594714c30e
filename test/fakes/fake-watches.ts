import type { Clock } from '../../src/domain/clock.ts';
import type { ApiRequest, WatchEvent } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Route } from './fake-routes.ts';
import type { Change, FakeStore } from './fake-store.ts';
import { matchesFields, matchesLabels } from './selectors.ts';

/** Watches over a store. */
export class FakeWatches {
  readonly #store: FakeStore;
  readonly #clock: Clock;
  #end = new AbortController();

  constructor(store: FakeStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Ends all that are open. */
  drop(): void {
    this.#end.abort();
    this.#end = new AbortController();
  }

  async *open(route: Route, request: ApiRequest): AsyncGenerator<WatchEvent> {
    const { resourceVersion = '0', timeoutSeconds = '300', labelSelector, fieldSelector } = request.query ?? {};
    const history = this.#store.since(Number(resourceVersion));
    if (history === undefined) {
      yield expired();
      return;
    }
    const selects = (object: KubeObject | undefined): boolean =>
      object !== undefined && matchesLabels(object, labelSelector) && matchesFields(object, fieldSelector);
    const queue = [...history];
    let wake = (): void => undefined;
    const stopListening = this.#store.listen((change) => {
      queue.push(change);
      wake();
    });
    const ended = this.#ended(Number(timeoutSeconds) * 1000, request.signal, () => wake());
    try {
      while (!ended.isOver()) {
        const change = queue.shift();
        if (change === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const event = eventOf(change, route, selects);
        if (event !== undefined) yield structuredClone(event);
      }
      request.signal?.throwIfAborted();
    } finally {
      stopListening();
      ended.stop();
    }
  }

  /** Over when the time is up, the watch is dropped or the caller aborts. */
  #ended(ms: number, signal: AbortSignal | undefined, wake: () => void): { isOver(): boolean; stop(): void } {
    const timer = new AbortController();
    const signals = [this.#end.signal, ...(signal === undefined ? [] : [signal])];
    let late = false;
    this.#clock.sleep(ms, timer.signal).then(
      () => {
        late = true;
        wake();
      },
      () => undefined,
    );
    for (const each of signals) each.addEventListener('abort', wake, { once: true });
    return {
      isOver: () => late || signals.some((each) => each.aborted),
      stop: () => {
        timer.abort();
        for (const each of signals) each.removeEventListener('abort', wake);
      },
    };
  }
}

/** How a selection sees a change: an object that enters it is added, one that leaves it is deleted. */
function eventOf(
  change: Change,
  route: Route,
  selects: (object: KubeObject | undefined) => boolean,
): WatchEvent | undefined {
  const elsewhere = route.namespace !== undefined && change.object.metadata.namespace !== route.namespace;
  if (change.plural !== route.resource.plural || elsewhere) return undefined;
  const before = selects(change.before);
  const after = change.type !== 'DELETED' && selects(change.object);
  if (!before && !after) return undefined;
  if (!after) return { type: 'DELETED', object: change.object };
  return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
}

function expired(): WatchEvent {
  const object = { apiVersion: 'v1', kind: 'Status', metadata: { name: '' }, code: 410, reason: 'Expired' };
  return { type: 'ERROR', object };
}
