import type { Effect } from '../domain/effect.ts';
import { failureCode } from '../domain/errors.ts';
import type { PlanDraft } from '../domain/plan.ts';
import type { PlannedWorkload } from '../domain/workload.ts';
import type { Pod } from '../kube/objects.ts';
import { controllerOf } from '../kube/owner-objects.ts';
import type { Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { refOf } from './counted-owner.ts';
import { readSourcePod, sourcePod } from './source-pod.ts';
import type { WorkloadContext } from './workload.ts';

/** How often a change that somebody else's write got ahead of is tried again. */
const CONFLICT_TRIES = 5;

type Labels = Readonly<Record<string, string>>;

/** What a held source pod changes of itself and of its owner. Pure. */
export function asideEffects(draft: PlanDraft, planned: PlannedWorkload): Effect[] {
  const aside = { step: 'switch', phase: 'switch', verb: 'patch' } as const;
  const { resource: _resource, ...object } = sourcePod(draft);
  const effects: Effect[] = [{ ...aside, object, detail: 'its labels go, so that nobody counts on it' }];
  if (planned.kind !== 'deployment') return effects;
  const replicaSet = refOf(draft, 'source', RESOURCES.replicaSet, `${planned.name}-*`);
  return [...effects, { ...aside, object: replicaSet, detail: 'makes no pod of its own while this one is let go' }];
}

/**
 * The source pod without its labels, in nobody's hands. Idempotent; a write that comes late, when somebody has given them
 * back, is refused.
 */
export async function takeLabels(context: WorkloadContext, labels: Labels): Promise<void> {
  const { plan, gateway, signal } = context;
  const none = Object.fromEntries(Object.keys(labels).map((key) => [key, null]));
  for (let tries = 1; ; tries++) {
    const pod = await readSourcePod(context);
    if (!pod) return;
    const { resourceVersion = '' } = pod.metadata;
    try {
      await gateway.patch(sourcePod(plan), 'merge', { metadata: { labels: none, resourceVersion } }, { signal });
      break;
    } catch (error) {
      // Kubelet writes to its status as well.
      if (failureCode(error) !== 'F315' || tries >= CONFLICT_TRIES) throw error;
    }
  }
  await ownedBy(context, undefined, 'to be let go by its owner');
}

/**
 * The source pod with its labels, in the hands of its owner again; `owner` is that one's uid, if it has one. Idempotent. One
 * that is gone needs none, and what has its name since has labels of its own.
 */
export async function giveLabels(context: WorkloadContext, labels: Labels, owner: string | undefined): Promise<void> {
  const { plan, gateway, signal } = context;
  if (!(await readSourcePod(context))) return;
  await gateway.patch(sourcePod(plan), 'merge', { metadata: { labels } }, { signal });
  await ownedBy(context, owner, 'to be adopted by its owner');
}

async function ownedBy(context: WorkloadContext, owner: string | undefined, what: string): Promise<void> {
  const { plan, source, signal, waiting } = context;
  const { namespace, pod: name, uid } = plan.source;
  const owned = (pod: Pod | undefined): Verdict => {
    if (pod?.metadata.uid !== uid) return { done: true };
    const now = controllerOf(pod)?.uid;
    return now === owner ? { done: true } : { done: false, why: now === undefined ? 'not adopted yet' : 'still owned' };
  };
  await source.waitFor<Pod>(RESOURCES.pod, { namespace, name }, owned, {
    name: `pod ${namespace}/${name} in ${plan.source.context} ${what}`,
    deadlineMs: plan.deadlines.readyTimeout,
    flag: '--ready-timeout',
    signal,
    onProgress: waiting,
  });
}
