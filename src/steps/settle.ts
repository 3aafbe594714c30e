import { need } from '../domain/need.ts';
import { pause } from '../routes/route-context.ts';
import type { Step } from './step.ts';

/** The time that kube-proxy lets pass between two changes of a node's rules: its `minSyncPeriod`, by default 1 s. */
const SYNC_PERIOD_MS = 1000;

/**
 * Nothing else but the switch is new to kube-proxy when the switch comes. The last change of the preparation may have
 * waited a sync period for its turn, and the switch would wait another one after that, with clients that reach nobody.
 */
export const settle: Step<'settle'> = {
  name: 'settle',
  phase: 'prepare',
  title: 'let the services settle',
  deadline: 'removeTimeout',
  covered: () => true,
  plan: () => [],
  inspect: async ({ results }) => (results.settle ? 'done' : 'absent'),
  async apply({ plan, results, signal, waiting }) {
    const { changedAt } = need(results, 'routes');
    const waitMs = plan.route.services.length === 0 ? 0 : Math.max(0, changedAt + 2 * SYNC_PERIOD_MS - Date.now());
    if (waitMs > 0) {
      waiting('kube-proxy applies one change a second');
      await pause(signal, waitMs);
    }
    return { waitMs };
  },
};
