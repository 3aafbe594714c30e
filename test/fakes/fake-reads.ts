import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { Access } from '../../src/kube/ports.ts';
import type { Route } from './fake-routes.ts';
import type { FakeStore } from './fake-store.ts';
import { isRecord, matchesFields, matchesLabels } from './selectors.ts';

/** A list (of the store's own objects: to be copied) as the API server sends it: one page, with items that do not say what they are. */
export function listAnswer(store: FakeStore, route: Route, request: ApiRequest): unknown {
  const { limit, continue: token, labelSelector, fieldSelector } = request.query ?? {};
  const matching = store
    .view(route.resource.plural, route.namespace)
    .filter((object) => matchesLabels(object, labelSelector) && matchesFields(object, fieldSelector));
  const start = Number(token ?? 0);
  const end = limit === undefined ? matching.length : start + Number(limit);
  return {
    apiVersion: route.resource.apiVersion,
    kind: `${route.resource.kind}List`,
    metadata: {
      resourceVersion: String(store.version),
      ...(end < matching.length ? { continue: String(end) } : {}),
    },
    items: matching.slice(start, end).map(({ apiVersion: _version, kind: _kind, ...item }) => item),
  };
}

/** The answer to a SelfSubjectAccessReview: no to what `deny` lists, yes to everything else. */
export function reviewAccess(deny: readonly Access[], body: unknown): unknown {
  const spec = isRecord(body) ? body['spec'] : undefined;
  const asked = isRecord(spec) && isRecord(spec['resourceAttributes']) ? spec['resourceAttributes'] : {};
  const denied = deny.some((no) => Object.entries(no).every(([field, value]) => asked[field] === value));
  return { status: { allowed: !denied } };
}
