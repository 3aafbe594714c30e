import { declined } from '../domain/errors.ts';
import { blocking } from '../domain/finding.ts';
import { compareNodes, containerFindings } from '../engines/helper/findings.ts';
import type { Pod } from '../kube/objects.ts';
import { asWritten } from '../workloads/placeholder-pod.ts';
import { movedVolumes } from '../workloads/volumes.ts';
import type { Step } from './step.ts';

/** Looks at the container and at both nodes from the nodes themselves; declines what cannot move, before the freeze. */
export const probe: Step<'probe'> = {
  name: 'probe',
  phase: 'prepare',
  title: 'look at the container and both nodes',
  deadline: 'helperTimeout',
  plan: () => [],
  async apply({ plan, engine, signal, reporter }) {
    const volumes = movedVolumes(plan);
    const containerId = plan.source.container.id;
    const [{ node, container }, targetNode] = await Promise.all([
      engine.call('source', 'probe', { containerId, volumes }, { signal }),
      engine.call('target', 'probe-node', {}, { signal }),
    ]);
    const findings = [...containerFindings(plan, container), ...compareNodes(plan, { node, container }, targetNode)];
    if (blocking(findings).length > 0) throw declined(blocking(findings));
    for (const { code, what } of findings) reporter.notify({ code: 'W421', step: 'probe', text: `${code} ${what}` });
    return {
      commandLine: asWritten(plan.manifest as unknown as Pod, container.process.args),
      volumes,
      memoryBytes: container.memoryBytes,
      processes: container.processes.length,
    };
  },
};
