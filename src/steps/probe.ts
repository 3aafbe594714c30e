import { declined } from '../domain/errors.ts';
import { blocking } from '../domain/finding.ts';
import type { Pod } from '../kube/objects.ts';
import { asWritten } from '../workloads/placeholder-pod.ts';
import { movedVolumes } from '../workloads/volumes.ts';
import type { Step, StepContext } from './step.ts';

/** Looks at the containers and at both nodes from the nodes themselves; declines what cannot move, before the freeze. */
export const probe: Step<'probe'> = {
  name: 'probe',
  phase: 'prepare',
  title: 'look at the containers and both nodes',
  deadline: 'helperTimeout',
  plan: () => [],
  // It only looks; what it saw is in the journal.
  inspect: async ({ results }) => (results.probe ? 'done' : 'absent'),
  async apply(context) {
    const { findings, ...seen } = await see(context);
    if (blocking(findings).length > 0) throw declined(blocking(findings));
    for (const { code, what } of findings)
      context.reporter.notify({ code: 'W421', step: 'probe', text: `${code} ${what}` });
    return seen;
  },
};

/** The same where looking is all that is done: yields what it found, whatever that is. */
export const probeOnly: Step<'probe'> = { ...probe, apply: see };

async function see(context: StepContext) {
  const { plan, engine } = context;
  const volumes = movedVolumes(plan);
  const { commandLines, ...seen } = await engine.probe(context, volumes);
  const written = asWritten(plan.manifest as unknown as Pod, commandLines);
  return { ...seen, commandLines: written, volumes };
}
