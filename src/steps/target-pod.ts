import { isIPv6 } from 'node:net';
import { declined, MigrateError } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import { allContainers, type Plan } from '../domain/plan.ts';
import { describeRef } from '../domain/refs.ts';
import type { StartPod, TargetPod } from '../engines/engine.ts';
import { targetPodRef } from '../engines/target-pod.ts';
import type { Pod } from '../kube/objects.ts';
import { bareContainerId, containerStatus, podAddresses, startFailure, startProgress } from '../kube/pod-status.ts';
import type { Verdict } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { type CommandLines, withCommandLines } from '../workloads/placeholder-pod.ts';
import { rehearsalPod } from '../workloads/rehearsal-pod.ts';
import { targetIn } from './results.ts';
import type { StepContext } from './step.ts';

/** For the engine: it decides when the pod is needed, and whether with the planned image. */
export function podStarter(context: StepContext): StartPod {
  return async (image) => {
    const { plan, gateway, target, results, signal, waiting } = context;
    const { namespace } = plan.target;
    const { name } = targetPodRef(plan);
    const wanted = manifest(plan, results.probe?.commandLines ?? {}, image);
    await gateway.create('target', RESOURCES.pod, wanted, { signal });
    const running = await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, (seen) => started(plan, seen), {
      name: `target pod ${namespace}/${name} in ${plan.target.context} to run`,
      deadlineMs: plan.deadlines.placeholderTimeout,
      flag: '--placeholder-timeout',
      signal,
      onProgress: waiting,
    });
    if (!running) throw new Error('a started pod exists');
    const addresses = podAddresses(running);
    await checkReachable(context, addresses);
    return { ...containersOf(plan, running), uid: running.metadata.uid ?? '', addresses } satisfies TargetPod;
  };
}

/** Removes the target pod that this migration made, and waits until it is gone. Idempotent. */
export async function removeTargetPod(context: StepContext): Promise<void> {
  const { plan, gateway, target, engine, signal, waiting } = context;
  const { namespace } = plan.target;
  const { name } = targetPodRef(plan);
  const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  const uid = found?.metadata.uid;
  // A pod of that name may be what another move of the same pod made: after its commit, the only copy there is.
  if (uid === undefined || found?.metadata.annotations?.[MIGRATION_ANNOTATION] !== plan.id) return;
  const containerIds = containerIdsOf(plan, found);
  if (containerIds.every((id) => id !== '')) await engine.discard(context, containerIds);
  await gateway.delete(targetPodRef(plan), { signal, uid, gracePeriodSeconds: 1 });
  const gone = (seen: Pod | undefined): Verdict =>
    seen?.metadata.uid === uid ? { done: false, why: 'kubelet is still ending it' } : { done: true };
  await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, gone, {
    name: `target pod ${namespace}/${name} in ${plan.target.context} to be gone`,
    deadlineMs: plan.deadlines.removeTimeout,
    flag: '--remove-timeout',
    signal,
    onProgress: waiting,
  });
}

/** Throws F311 where an API server did not say whether it makes the target pod, and none was there to be removed. */
export async function expectNoneToCome({ plan, gateway }: StepContext): Promise<void> {
  const wanted = describeRef(targetPodRef(plan));
  const asked = (await gateway.landed()).find(({ object }) => describeRef(object) === wanted);
  if (asked) throw asked.error;
}

/** What is in the place of the target after a commit. */
interface InPlace {
  /** The pod that was committed, with the mark of this migration. */
  readonly isCommitted: boolean;
  /** In words, that it is what another migration made of it; undefined when it is not. */
  readonly stranger: string | undefined;
}

/** Looks at the pod of the target's name. Read-only. */
export async function lookInPlace({ plan, target, results, signal }: StepContext): Promise<InPlace> {
  const { namespace, context } = plan.target;
  const { name } = targetPodRef(plan);
  const found = await target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  const mark = found?.metadata.annotations?.[MIGRATION_ANNOTATION];
  const isStranger = mark !== undefined && mark !== plan.id;
  return {
    isCommitted: mark === plan.id && found?.metadata.uid === targetIn(results).uid,
    stranger: isStranger ? `pod ${namespace}/${name} of ${context} is what migration ${mark} made of it` : undefined,
  };
}

function manifest(plan: Plan, commandLines: CommandLines, image: string | undefined): Pod {
  const planned = plan.manifest as unknown as Pod;
  const pod = withCommandLines(plan.rehearsal ? rehearsalPod(planned, plan.rehearsal.pod) : planned, commandLines);
  if (image === undefined) return pod;
  const [moved] = plan.source.containers;
  const containers = pod.spec.containers.map((each) => (each.name === moved?.name ? { ...each, image } : each));
  return { ...pod, spec: { ...pod.spec, containers } };
}

/** The containers that stand for those of the source, in their order; '' for one that was not started yet. Pure. */
export function containerIdsOf({ source }: Plan, pod: Pod): string[] {
  return source.containers.map(({ name }) => idOf(pod, name));
}

/** The same, and those that wait to start afresh. Pure. */
export function containersOf(plan: Plan, pod: Pod): Pick<TargetPod, 'containerIds' | 'afreshIds'> {
  const afreshIds = plan.source.afresh?.map(({ name }) => idOf(pod, name));
  return { containerIds: containerIdsOf(plan, pod), ...(afreshIds && { afreshIds }) };
}

function idOf(pod: Pod, name: string): string {
  return bareContainerId(containerStatus(pod, name)?.containerID ?? '');
}

/** Whether the target pod's container runs. Throws F343 when it will not. */
export function started(plan: Plan, pod: Pod | undefined): Verdict {
  const name = `target pod ${plan.target.namespace}/${plan.target.pod} in ${plan.target.context}`;
  if (!pod) throw new MigrateError('F343', { detail: `somebody deleted the ${name}`, remedy: 'try again' });
  const all = allContainers(plan).every(({ name }) => containerStatus(pod, name)?.state?.running);
  if (all && podAddresses(pod).length > 0) return { done: true };
  const failure = startFailure(pod);
  if (!failure) return { done: false, why: startProgress(pod) };
  throw new MigrateError('F343', {
    detail: `${name}: ${failure.reason}: ${failure.message}`,
    remedy: 'mend what is named above, or choose another node with --to-node',
  });
}

/**
 * Services of the source cluster can only lead to the target pod if its addresses answer there. Those of a family that
 * the source pod has none of are left out: no endpoint slice would name them.
 */
async function checkReachable(context: StepContext, addresses: readonly string[]): Promise<void> {
  const { plan, engine } = context;
  if (plan.route.services.length === 0) return;
  const families = new Set(plan.source.addresses.map(isIPv6));
  const named = addresses.filter((address) => families.has(isIPv6(address)));
  const answers = await Promise.all(
    named.map(async (address) => ({ address, ...(await engine.reach(context, address)) })),
  );
  const silent = answers.filter(({ reachable }) => !reachable);
  if (silent.length === 0) return;
  throw declined(silent.map(({ address, detail }) => unreachable(plan, address, detail)));
}

function unreachable({ source }: Plan, address: string, detail: string): Finding {
  return {
    code: 'E160',
    severity: 'error',
    what: `the target pod’s address ${address} does not answer on node ${source.node}: ${detail}`,
    why: 'the services of the source cluster would lead nowhere',
    remedy: 'join the pod networks of the clusters, or move with --route none and lead clients there yourself',
  };
}
