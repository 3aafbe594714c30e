import type { PlanDraft } from '../domain/plan.ts';
import type { ObjectRef } from '../domain/refs.ts';
import { removeEmptyNamespaces } from '../engines/helper/system-namespace.ts';
import type { Pod } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';
import { restoreInTarget } from '../routes/endpoints-route.ts';
import type { Step } from './step.ts';

/** The source pod and everything that was only needed for the move go away. */
export const finalize: Step<'finalize'> = {
  name: 'finalize',
  phase: 'finalize',
  title: 'remove the source pod and the helpers',
  deadline: 'removeTimeout',
  plan: (draft) => [
    {
      step: 'finalize',
      phase: 'finalize',
      verb: 'delete',
      object: sourcePod(draft),
      detail: 'it never runs again after the commit',
    },
  ],
  async apply(context) {
    const { plan, gateway, source, engine, signal, waiting } = context;
    await restoreInTarget(context);
    // Its processes are stopped and would not react to SIGTERM: a longer grace period would only be waited out.
    await gateway.delete(sourcePod(plan), { signal, uid: plan.source.uid, gracePeriodSeconds: 1 });
    const { namespace, pod, uid } = plan.source;
    await source.waitFor<Pod>(
      RESOURCES.pod,
      { namespace, name: pod },
      (seen) => (seen?.metadata.uid === uid ? { done: false, why: 'kubelet is still ending it' } : { done: true }),
      {
        name: `source pod ${namespace}/${pod} in ${plan.source.context} to be gone`,
        deadlineMs: plan.deadlines.removeTimeout,
        flag: '--remove-timeout',
        signal,
        onProgress: waiting,
      },
    );
    await engine.remove({ signal, onProgress: waiting });
    await removeEmptyNamespaces(context, ['target']);
    return {};
  },
};

function sourcePod({ source }: PlanDraft): ObjectRef & { resource: typeof RESOURCES.pod } {
  const { namespace, pod } = source;
  return { side: 'source', apiVersion: 'v1', kind: 'Pod', namespace, name: pod, resource: RESOURCES.pod };
}
