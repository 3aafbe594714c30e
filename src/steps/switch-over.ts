import { need } from '../domain/need.ts';
import type { Pod } from '../kube/objects.ts';
import { condition } from '../kube/pod-status.ts';
import { RESOURCES } from '../kube/resources.ts';
import { switchBack, switchRoutes } from '../routes/endpoints-route.ts';
import { inspectSwitch } from '../routes/inspect.ts';
import { leavesAtSwitch, workloadOf } from '../workloads/index.ts';
import { isHeld } from './hold-source.ts';
import { targetIn } from './results.ts';
import { sourceIsGone } from './source-pod.ts';
import { removal } from './source-removal.ts';
import type { Step, StepContext } from './step.ts';
import { removeTargetPod } from './target-pod.ts';

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
    const { results } = context;
    const [{ target }, routes, gone, started] = await Promise.all([
      context.engine.look(context),
      inspectSwitch(context),
      sourceIsGone(context),
      hasStarted(context),
    ]);
    // The engine’s means may be gone already; only a restored program passes the placeholder’s startup probe.
    const runs = target === 'running' || (target === 'unknown' && started);
    const left = isHeld(context.plan) ? results.switch !== undefined : gone || !leavesAtSwitch(context.plan.workload);
    if (runs && routes === 'done' && left) return 'done';
    // Services without slices of ours have nothing that could have been switched.
    const routed = context.plan.route.services.length > 0 && routes !== 'absent';
    return target === 'waiting' && !routed && !gone ? 'absent' : 'partial';
  },
  async apply(context) {
    const { plan, engine, target, results, signal, waiting } = context;
    const { own } = need(results, 'routes');
    const switched = { ...targetIn(results), node: results.place?.node ?? plan.target.node };
    await Promise.all([engine.handOver(context), switchRoutes(context, own, switched)]);
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
    await workloadOf(context.plan).giveBackTarget(context);
    await removeTargetPod(context);
    await workloadOf(context.plan).comeBack(context);
    await switchBack(context, context.results.routes?.own ?? []);
  },
};

async function hasStarted({ plan, target, signal }: StepContext): Promise<boolean> {
  const { namespace, pod: name } = plan.target;
  const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  return found?.status?.containerStatuses?.every(({ started }) => started === true) === true;
}

function ready(pod: Pod | undefined) {
  if (!pod) return { done: false, why: 'the pod is not there' } as const;
  const { met, why } = condition(pod, 'Ready');
  return met ? ({ done: true } as const) : ({ done: false, why: why || 'not ready' } as const);
}
