import { MigrateError } from '../domain/errors.ts';
import { workloadOf } from '../workloads/index.ts';
import { sourceChange } from './source-pod.ts';
import type { Step, StepContext } from './step.ts';

/**
 * The last look at the source and the seal: from here on it does not run again by itself. The commit itself is the
 * runner's guarded write to the journal, right after this step.
 */
export const commit: Step<'commit'> = {
  name: 'commit',
  phase: 'commit',
  title: 'commit',
  deadline: 'maxFreeze',
  plan: () => [],
  // Whether it is committed, the record alone decides; the seal only says that it may be.
  inspect: async (context) => {
    const { source } = await context.engine.look(context);
    if (source === 'released') return 'done';
    return source === 'sealed' || source === 'unknown' ? 'partial' : 'absent';
  },
  async apply(context) {
    await Promise.all([
      checkSource(context),
      workloadOf(context.plan).check(context, context.results.way?.made ?? null),
      context.engine.seal(context),
    ]);
    return {};
  },
};

async function checkSource(context: StepContext): Promise<void> {
  const change = await sourceChange(context);
  if (change === undefined) return;
  throw new MigrateError('F344', {
    detail: `${change} while it was being moved`,
    remedy: 'look at the pod, then try again',
  });
}
