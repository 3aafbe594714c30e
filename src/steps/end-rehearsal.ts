import { targetPodRef } from '../engines/target-pod.ts';
import { RESOURCES } from '../kube/resources.ts';
import { isRehearsed } from './renewal.ts';
import type { Step } from './step.ts';
import { removeTargetPod } from './target-pod.ts';

/** The pod of the rehearsal, which had the files until here, goes. */
export const endRehearsal: Step<'rehearsal'> = {
  name: 'rehearsal',
  phase: 'finalize',
  title: 'remove the pod of the rehearsal',
  deadline: 'removeTimeout',
  applies: isRehearsed,
  plan(draft) {
    const { resource: _resource, ...object } = targetPodRef(draft);
    return [{ step: 'rehearsal', phase: 'finalize', verb: 'delete', object, detail: 'no longer needed' }];
  },
  async inspect({ plan, target, signal }) {
    const { name, namespace = '' } = targetPodRef(plan);
    return (await target.get(RESOURCES.pod, name, { namespace, signal })) ? 'absent' : 'done';
  },
  async apply(context) {
    await removeTargetPod(context);
    return {};
  },
};
