import { failureCode, MigrateError } from '../domain/errors.ts';
import { need } from '../domain/need.ts';
import type { Plan } from '../domain/plan.ts';
import type { Pod } from '../kube/objects.ts';
import { condition } from '../kube/pod-status.ts';
import { RESOURCES } from '../kube/resources.ts';
import { type OwnSlice, type SwitchedPod, switchBack, switchRoutes } from '../routes/endpoints-route.ts';
import { inspectSwitch } from '../routes/inspect.ts';
import { leavesAtSwitch, workloadOf } from '../workloads/index.ts';
import { isHeld } from './hold-source.ts';
import { targetIn } from './results.ts';
import { sourceIsGone } from './source-pod.ts';
import { removal } from './source-removal.ts';
import type { Step, StepContext } from './step.ts';
import { lookInPlace, removeTargetPod } from './target-pod.ts';

/** The target runs, the services lead to it, and connections to the source end at once. All three at the same time. */
export const switchOver: Step<'switch'> = {
  name: 'switch',
  phase: 'switch',
  title: 'let the target run and lead clients to it',
  deadline: 'readyTimeout',
  // Not knowing whether the target has ended, the source stays stopped.
  revertNeeds: ['restore', 'freeze', 'placeholder', 'routes', 'owner', 'dependencies', 'helpers'],
  plan: (draft) => (isHeld(draft) ? workloadOf(draft).asideEffects(draft) : [removal(draft, 'switch')]),
  async inspect(context) {
    const { results, plan } = context;
    // What has become of the target since is no affair of the move that holds its source.
    if (results.hold) return 'done';
    const [{ target }, routes, gone, pod] = await Promise.all([
      context.engine.look(context),
      inspectSwitch(context),
      sourceIsGone(context),
      targetPod(context),
    ]);
    const isNoted = results.switch !== undefined;
    // Once it was seen to be ready, that it is no longer so is no affair of the move. Where nobody can be asked, markers and
    // probes do not tell whether it was let go on: a helper tells the target that it runs right before.
    const runs = isNoted ? target !== 'restored' : target === 'running' && ready(pod).done;
    const left = isHeld(plan) ? isNoted : gone || !leavesAtSwitch(plan.workload);
    if (runs && routes === 'done' && left) return 'done';
    // Services without slices of ours have nothing that could have been switched.
    const routed = context.plan.route.services.length > 0 && routes !== 'absent';
    return target === 'waiting' && !routed && !gone ? 'absent' : 'partial';
  },
  async apply(context) {
    const { plan, engine, target, results, signal, waiting } = context;
    const { own } = need(results, 'routes');
    const switched = { ...targetIn(results), node: results.place?.node ?? plan.target.node };
    await Promise.all([engine.handOver(context), lead(context, own, switched)]);
    const downMs = Date.now() - need(results, 'freeze').askedAt;
    // Before anything else is waited for: kubelet may kill a source whose liveness probe fails, and would start it afresh.
    const workload = workloadOf(plan);
    await (isHeld(plan) ? workload.standAside(context) : workload.giveUp(context));
    await engine.endTransfer(context);
    const { namespace, pod } = plan.target;
    await target.waitFor<Pod>(RESOURCES.pod, { namespace, name: pod }, ready, {
      name: `pod ${namespace}/${pod} in ${plan.target.context} to be ready`,
      deadlineMs: plan.deadlines.readyTimeout,
      flag: '--ready-timeout',
      signal,
      onProgress: waiting,
    });
    return { downMs };
  },
  /** A deliberate act within a hold: what the target did since the commit goes with it, before the source may go on. */
  async revert(context) {
    if (!context.results.hold) return;
    const { stranger } = await lookInPlace(context);
    if (stranger !== undefined) throw notOurs(context.plan, stranger);
    await workloadOf(context.plan).giveBackTarget(context);
    await removeTargetPod(context);
    await workloadOf(context.plan).comeBack(context);
    await switchBack(context, context.results.routes?.own ?? []);
  },
};

/** A run whose end is not on record may have come to where slices that are not needed any more have gone. */
async function lead(context: StepContext, ...to: [readonly OwnSlice[], SwitchedPod]): Promise<void> {
  try {
    await switchRoutes(context, ...to);
  } catch (error) {
    if (failureCode(error) !== 'F314' || (await inspectSwitch(context)) !== 'done') throw error;
  }
}

function notOurs({ source }: Plan, stranger: string): MigrateError {
  return new MigrateError('F372', {
    detail: `${stranger}, and the source must not go on beside it`,
    remedy: `leave pod ${source.namespace}/${source.pod} of ${source.context} stopped as it is`,
    outcome: 'midway',
  });
}

function targetPod({ plan, target, signal }: StepContext): Promise<Pod | undefined> {
  const { namespace, pod: name } = plan.target;
  return target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
}

function ready(pod: Pod | undefined) {
  if (!pod) return { done: false, why: 'the pod is not there' } as const;
  const { met, why } = condition(pod, 'Ready');
  return met ? ({ done: true } as const) : ({ done: false, why: why || 'not ready' } as const);
}
