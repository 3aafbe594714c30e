import type { EndpointSlice, Service } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { isOf } from './manifests.ts';
import { endpointsOf, isSource, type RouteContext, read } from './route-context.ts';

type Extent = 'done' | 'absent' | 'partial';

/** How many of several things are so. Pure. */
export function extent(all: readonly boolean[]): Extent {
  if (all.every(Boolean)) return 'done';
  return all.some(Boolean) ? 'partial' : 'absent';
}

/** Whether the Services hang on slices of this migration. Read-only. No Services: nothing was to be done. */
export async function inspectRoutes(context: RouteContext): Promise<Extent> {
  const { plan } = context;
  const found = plan.route.services.flatMap(({ service, slices, inTarget }) => [
    read<Service>(context, 'source', RESOURCES.service, service),
    ...slices.map(({ own }) => read<EndpointSlice>(context, 'source', RESOURCES.endpointSlice, own)),
    ...(inTarget === 'create' ? [read<Service>(context, 'target', RESOURCES.service, service)] : []),
  ]);
  return extent((await Promise.all(found)).map((object) => isOf(plan, object)));
}

/** Whether the slices of this migration lead to the target. Read-only. */
export async function inspectSwitch(context: RouteContext): Promise<Extent> {
  const { plan } = context;
  const found = plan.route.services.flatMap(({ slices, inTarget }) =>
    slices.map(async ({ own }) => {
      const slice = await read<EndpointSlice>(context, 'source', RESOURCES.endpointSlice, own);
      // Within one place they go at the end, when the Service selects the target by itself.
      return slice ? !endpointsOf(slice).some(isSource(plan)) : inTarget === 'same';
    }),
  );
  return extent(await Promise.all(found));
}

/** Whether Services of the target that an earlier move had rerouted are free of its slices. Read-only. */
export async function areRestored(context: RouteContext): Promise<boolean> {
  const names = context.plan.route.services.flatMap(({ ownInTarget }) => ownInTarget);
  const left = await Promise.all(
    names.map((name) => read<EndpointSlice>(context, 'target', RESOURCES.endpointSlice, name)),
  );
  return left.every((slice) => slice === undefined);
}
