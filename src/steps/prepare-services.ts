import { z } from 'zod';
import type { Json } from '../domain/json.ts';
import type { Plan } from '../domain/plan.ts';
import { captureRoutes, prepareRoutes, type RouteBefore, revertRoutes } from '../routes/endpoints-route.ts';
import { inspectRoutes } from '../routes/inspect.ts';
import { routeEffects } from '../routes/plan-routes.ts';
import type { Step } from './step.ts';

const beforeSchema = z.array(
  z.strictObject({
    service: z.string(),
    selector: z.record(z.string(), z.string()),
    madeBy: z.string().optional(),
  }),
);

function plannedRoutes({ route }: Plan): RouteBefore[] {
  return route.services.map(({ service, selector }) => ({ service, selector: { ...selector } }));
}

/** Services hang on slices of our own, which still lead to the source: what the switch needs is one write for each. */
export const prepareServices: Step<'routes'> = {
  name: 'routes',
  phase: 'prepare',
  title: 'prepare the services',
  deadline: 'removeTimeout',
  plan: (draft) => routeEffects(draft),
  capture: async (context) => (await captureRoutes(context)) as unknown as Json,
  inspect: (context) => inspectRoutes(context),
  async apply(context) {
    const own = await prepareRoutes(context);
    return { own, changedAt: Date.now() };
  },
  async revert(context, undo) {
    // Without an intent in the record (a copy of it may be behind) the plan knows what the Services had.
    const before = undo === null ? plannedRoutes(context.plan) : beforeSchema.parse(undo);
    await revertRoutes(context, before satisfies RouteBefore[]);
  },
};
