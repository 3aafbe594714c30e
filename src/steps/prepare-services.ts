import { z } from 'zod';
import type { Json } from '../domain/json.ts';
import { captureRoutes, prepareRoutes, type RouteBefore, revertRoutes } from '../routes/endpoints-route.ts';
import { routeEffects } from '../routes/plan-routes.ts';
import type { Step } from './step.ts';

const beforeSchema = z.array(z.strictObject({ service: z.string(), selector: z.record(z.string(), z.string()) }));

/** Services hang on slices of our own, which still lead to the source: what the switch needs is one write for each. */
export const prepareServices: Step<'routes'> = {
  name: 'routes',
  phase: 'prepare',
  title: 'prepare the services',
  deadline: 'removeTimeout',
  plan: (draft) => routeEffects(draft),
  capture: async (context) => (await captureRoutes(context)) as unknown as Json,
  async apply(context) {
    const own = await prepareRoutes(context);
    return { own, changedAt: Date.now() };
  },
  async revert(context, undo) {
    await revertRoutes(context, beforeSchema.parse(undo) satisfies RouteBefore[]);
  },
};
