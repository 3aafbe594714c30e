import type { Effect } from '../domain/effect.ts';
import type { Json } from '../domain/json.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { Plan, PlannedRoute } from '../domain/plan.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { Write } from '../domain/write.ts';
import type { EndpointSlice, KubeObject, Service } from '../kube/objects.ts';
import type { ClusterReader, ReadOptions, Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { ownSlice, serviceForTarget } from './manifests.ts';
import { SELECTOR_ANNOTATION, SKIP_MIRROR_LABEL } from './service-facts.ts';

export interface WriteReaders extends ReadOptions {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
}

/** What preparing the Services will write, as far as it can be read today. Read-only. */
export async function routeWrites(readers: WriteReaders): Promise<Write[]> {
  const all = await Promise.all(readers.plan.route.services.map((route) => writesOfRoute(readers, route)));
  return all.flat();
}

async function writesOfRoute(readers: WriteReaders, route: PlannedRoute): Promise<Write[]> {
  const { plan } = readers;
  const name = route.service;
  const service = await get<Service>(readers, RESOURCES.service, name);
  const endpoints = await get(readers, RESOURCES.endpoints, name);
  const slices = await Promise.all(
    route.slices.map(async ({ replaces, own }) => {
      const slice = await get<EndpointSlice>(readers, RESOURCES.endpointSlice, replaces);
      return (
        slice &&
        write(plan, 'create', 'source', RESOURCES.endpointSlice, own, {
          form: 'object',
          body: ownSlice(slice, own, plan.id),
        })
      );
    }),
  );
  const annotations = { [SELECTOR_ANNOTATION]: JSON.stringify(route.selector), [MIGRATION_ANNOTATION]: plan.id };
  const inTarget =
    service && route.inTarget === 'create' ? serviceForTarget(service, plan.target.namespace, plan.id) : undefined;
  const writes = [
    inTarget && write(plan, 'create', 'target', RESOURCES.service, name, { form: 'object', body: inTarget }),
    ...slices,
    endpoints &&
      write(plan, 'patch', 'source', RESOURCES.endpoints, name, {
        form: 'merge',
        body: { metadata: { labels: { [SKIP_MIRROR_LABEL]: 'true' } } },
      }),
    service &&
      write(plan, 'patch', 'source', RESOURCES.service, name, {
        form: 'merge',
        body: { metadata: { annotations }, spec: { selector: null } },
      }),
    ...route.slices.map(({ replaces }) => write(plan, 'delete', 'source', RESOURCES.endpointSlice, replaces, {})),
  ];
  return writes.filter((each) => each !== undefined);
}

function get<T extends KubeObject>(
  { plan, source, ...options }: WriteReaders,
  resource: Resource,
  name: string,
): Promise<T | undefined> {
  return source.get<T>(resource, name, {
    namespace: plan.source.namespace,
    ...(options.signal && { signal: options.signal }),
  });
}

/** The write of a declared effect; undefined where the plan declares none for the object. */
function write(
  plan: Plan,
  verb: Effect['verb'],
  side: Side,
  { apiVersion, kind }: Resource,
  name: string,
  content: { readonly form?: 'object' | 'merge'; readonly body?: unknown },
): Write | undefined {
  const object: ObjectRef = { side, apiVersion, kind, namespace: plan[side].namespace, name };
  const effect = plan.effects.find(
    (each) => !each.undoes && each.verb === verb && JSON.stringify(each.object) === JSON.stringify(object),
  );
  if (effect === undefined) return undefined;
  return { effect, ...(content.form && { form: content.form, body: content.body as Json }) };
}
