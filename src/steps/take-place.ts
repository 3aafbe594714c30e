import { asMigrateError, isTakenOver, MigrateError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import type { LaterPod, Rehearsing } from '../engines/engine.ts';
import type { Pod } from '../kube/objects.ts';
import { podAddresses } from '../kube/pod-status.ts';
import { RESOURCES } from '../kube/resources.ts';
import { workloadOf } from '../workloads/index.ts';
import { isRenewed } from '../workloads/renewed-pod.ts';
import { isRehearsed, renewalOn } from './renewal.ts';
import type { Place } from './results.ts';
import type { Step, StepContext } from './step.ts';
import { containersOf, started } from './target-pod.ts';

/**
 * The source pod is deleted, and its name goes to a pod on the target's node, in which the image is restored, stopped, as
 * it was in the rehearsal. Should that fail after all, the pod is made on the source's node instead, and restored there:
 * the image is on both nodes.
 */
export const takePlace: Step<'place'> = {
  name: 'place',
  phase: 'switch',
  title: 'free the name, and restore in the pod that takes it',
  deadline: 'placeholderTimeout',
  applies: isRehearsed,
  plan: () => [],
  async inspect({ plan, target, results, signal }) {
    const { namespace, pod: name } = plan.target;
    const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
    if (found?.metadata.uid === plan.source.uid) return 'absent';
    return found !== undefined && found.metadata.uid === results.place?.uid ? 'done' : 'partial';
  },
  async apply(context) {
    const { engine, plan } = context;
    const { rehearsing } = engine;
    if (!rehearsing) throw new Error(`the ${engine.name} engine cannot free a name`);
    const images = await rehearsing.attend(context);
    const found = await context.target.get<Pod>(RESOURCES.pod, plan.target.pod, {
      namespace: plan.target.namespace,
      signal: context.signal,
    });
    const givenUp = whyAtHome(plan, images, found);
    // The pod's network goes with it, and with that every chance to tell its peers.
    await rehearsing.cutOff(context);
    try {
      if (!givenUp) return await restoreOn('target', rehearsing, context);
      return { ...(await restoreOn('source', rehearsing, context)), failure: givenUp } satisfies Place;
    } catch (error) {
      if (isTakenOver(error)) throw error;
      const { code, message, detail } = asMigrateError(error);
      // It may run there already; whoever cannot tell must not remove it.
      if (await rehearsing.goesOn(context, givenUp ? 'source' : 'target')) throw error;
      const other = givenUp ? 'target' : 'source';
      const text = `${message}: ${detail}; restoring on ${plan[other].node}, where the image is too`;
      context.reporter.notify({ code: 'W422', step: 'place', text });
      const place = await restoreOn(other, rehearsing, context);
      return other === 'target' ? place : ({ ...place, failure: { code, detail } } satisfies Place);
    }
  },
};

/**
 * Why the pod has to end on the source's node: a process that has ended since has made it there, and may have let it go
 * on, or the image on the target's node is gone. Throws F341 while there is still a source that must not be deleted,
 * because the image is gone from both nodes. Pure.
 */
function whyAtHome(plan: Plan, images: Readonly<Record<Side, boolean>>, found: Pod | undefined): Place['failure'] {
  const { source, target } = plan;
  if (isRenewed({ plan }, found, source.node))
    return { code: 'F348', detail: `node ${target.node} was given up by a process that has ended since` };
  if (images.target || isRenewed({ plan }, found, target.node)) return undefined;
  if (images.source) return { code: 'F348', detail: `the image on node ${target.node} went with its helper pod` };
  throw new MigrateError('F341', {
    detail: `the image went with the helper pods of both nodes; pod ${source.namespace}/${source.pod} is left as it is, its processes stopped`,
    remedy: `only somebody on node ${source.node} can let them go on`,
  });
}

async function restoreOn(side: Side, rehearsing: Rehearsing, context: StepContext): Promise<LaterPod> {
  const { plan, results } = context;
  const { node } = plan[side];
  const renewal = renewalOn(node, results);
  await Promise.all([rehearsing.clear(context, side), workloadOf(plan).renew(context, renewal)]);
  const pod = await renewedPod(context, node);
  const containers = containersOf(plan, pod);
  await rehearsing.restoreAgain(context, { side, ...containers });
  return { uid: pod.metadata.uid ?? '', ...containers, addresses: podAddresses(pod), side, node };
}

async function renewedPod(context: StepContext, node: string): Promise<Pod> {
  const { plan, target, signal, waiting } = context;
  const { namespace, pod: name } = plan.target;
  const running = await target.waitFor<Pod>(
    RESOURCES.pod,
    { namespace, name },
    (seen) =>
      seen && isRenewed(context, seen, node) ? started(plan, seen) : { done: false, why: 'it is not made yet' },
    {
      name: `pod ${namespace}/${name} in ${plan.target.context} to run on node ${node}`,
      // Two nodes may be tried within the step's time.
      deadlineMs: plan.deadlines.placeholderTimeout / 2,
      flag: '--placeholder-timeout',
      signal,
      onProgress: waiting,
    },
  );
  if (!running) throw new Error('a started pod exists');
  return running;
}

/** F348 when the pod had to be restored where it was; undefined when it is in the target. Pure. */
export function endedAtHome(
  { source, target }: StepContext['plan'],
  place: Place | undefined,
): MigrateError | undefined {
  if (!place?.failure) return undefined;
  return new MigrateError('F348', {
    detail: `on ${target.node} it could not be restored once its name was free: ${place.failure.detail}\npod ${source.namespace}/${source.pod} goes on with all of its memory on ${place.node}`,
    remedy: 'mend what is named above, then try again',
  });
}
