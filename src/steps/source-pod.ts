import type { PlanContainer } from '../domain/plan.ts';
import type { Pod } from '../kube/objects.ts';
import { bareContainerId, containerStatus } from '../kube/pod-status.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { StepContext } from './step.ts';

/** Whether the pod that is moved is no more, or about to be. Read-only. */
export async function sourceIsGone({ plan, source, signal }: StepContext): Promise<boolean> {
  const { namespace, pod: name, uid } = plan.source;
  const found = await source.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  return found?.metadata.uid !== uid || found.metadata.deletionTimestamp !== undefined;
}

/** What a look at the source pod needs. */
type SourceContext = Pick<StepContext, 'plan' | 'source' | 'signal'>;

/**
 * What has become of the source pod, in words, when one of its containers is not the one that the image was taken of: a
 * container that was restarted is another one. Undefined when it is. Read-only.
 */
export async function sourceChange({ plan, source, signal }: SourceContext): Promise<string | undefined> {
  const { namespace, pod, uid, containers } = plan.source;
  const now = await source.get<Pod>(RESOURCES.pod, pod, { namespace, signal });
  if (!now) return `pod ${namespace}/${pod} was removed`;
  const isSame = ({ name, id, restartCount }: PlanContainer): boolean => {
    const status = containerStatus(now, name);
    // One that has ended and was not started again is still the one of that id.
    const ended = status?.state?.terminated !== undefined || status?.state?.waiting !== undefined;
    return !ended && status?.restartCount === restartCount && bareContainerId(status?.containerID ?? '') === id;
  };
  return now.metadata.uid === uid && containers.every(isSame) && !now.metadata.deletionTimestamp
    ? undefined
    : `pod ${namespace}/${pod} was restarted, ended, replaced or deleted`;
}
