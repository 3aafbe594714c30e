import { declined } from '../domain/errors.ts';
import { blocking } from '../domain/finding.ts';
import type { Pod } from '../kube/objects.ts';
import { asWritten } from '../workloads/placeholder-pod.ts';
import { movedVolumes } from '../workloads/volumes.ts';
import type { Step } from './step.ts';

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
    const { plan, engine, reporter } = context;
    const volumes = movedVolumes(plan);
    const { commandLines, findings, ...seen } = await engine.probe(context, volumes);
    if (blocking(findings).length > 0) throw declined(blocking(findings));
    for (const { code, what } of findings) reporter.notify({ code: 'W421', step: 'probe', text: `${code} ${what}` });
    const written = asWritten(plan.manifest as unknown as Pod, commandLines);
    return { ...seen, commandLines: written, volumes };
  },
};
