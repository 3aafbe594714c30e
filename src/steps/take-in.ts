import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { workloadOf } from '../workloads/index.ts';
import type { Step } from './step.ts';

/** The target’s owner adopts the pod, which serves already. */
export const takeIn: Step<'take-in'> = {
  name: 'take-in',
  phase: 'switch',
  title: 'hand the pod to its owner in the target',
  deadline: 'readyTimeout',
  plan: () => [],
  async inspect({ plan, target, results, signal }) {
    if (plan.workload.kind === 'bare-pod' || plan.workload.kind === 'bare-name') return 'done';
    // Its owner may have made another in its place while the source was held.
    if (results.hold) return 'done';
    const { namespace, pod: name } = plan.target;
    const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
    const adopted = found?.metadata.ownerReferences?.some(({ controller }) => controller === true) === true;
    // Adopted, the owner may still be held back from making pods of its own.
    return adopted && results['take-in'] ? 'done' : 'partial';
  },
  async apply(context) {
    await workloadOf(context.plan).takeIn(context);
    return {};
  },
};
