import { MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { COUNTED_LABEL } from '../domain/names.ts';
import type { Side } from '../domain/refs.ts';
import type { PlannedDeployment } from '../domain/workload.ts';
import { controllerOf, type OwnerObject, type PodTemplate } from '../kube/owner-objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { hold, ownerRef, ownerSettles, readOwner, recount } from './counted-owner.ts';
import { wanted } from './owner-findings.ts';
import type { Reading, WorkloadContext } from './workload.ts';

/**
 * A ReplicaSet that is told to want one pod more makes one at once, and one that has one more than it wants deletes one;
 * the two cannot be told in one write. So its template names, for a moment, a service account that does not exist: the
 * API server then refuses whatever pod it wants to make, and should that check be off, the gate keeps the pod from being
 * scheduled. The Deployment is paused meanwhile, and its template says the same, because it looks for its ReplicaSet by
 * the template. Seen on Kubernetes 1.37: no pod is made, and none is deleted.
 */
const GATE = 'kubectl-migrate.io/taking-in';
const NOBODY = 'kubectl-migrate-nobody';
const REVISION = 'deployment.kubernetes.io/revision';
const DEPLOYMENT = RESOURCES.deployment;
const REPLICA_SET = RESOURCES.replicaSet;

type Gates = readonly { readonly name: string }[];

/** Behind a closed gate a Deployment of one side wants one pod more or less. */
export interface Passage {
  readonly side: Side;
  readonly by: 1 | -1;
  /** What the change is known by, so that it is made once. */
  readonly mark: string;
  /** Done while no pod can be made, before the number changes. Idempotent. */
  readonly meanwhile?: () => Promise<void>;
}

/**
 * Makes a Deployment want one pod more or less while it can make none. Yields its ReplicaSet, which wants as many by then;
 * undefined when somebody has deleted the Deployment. Idempotent.
 */
export async function closeGate(
  context: WorkloadContext,
  { name }: PlannedDeployment,
  { side, by, mark, meanwhile }: Passage,
): Promise<OwnerObject | undefined> {
  const owner = await readOwner(context, side, DEPLOYMENT, name);
  if (!owner) {
    await meanwhile?.();
    return undefined;
  }
  const found = await currentReplicaSet(context, side, owner);
  const what = by > 0 ? 'to want one pod more' : 'to want one pod less';
  if (owner.metadata.labels?.[COUNTED_LABEL] !== mark) {
    await hold(context, side, DEPLOYMENT, owner);
    await write(context, side, DEPLOYMENT, name, { paused: true });
    await ownerSettles(context, side, DEPLOYMENT, name, 'to be paused');
    await write(context, side, REPLICA_SET, found.metadata.name, { template: closed(found) });
    await meanwhile?.();
    const counted = (now: OwnerObject) => ({
      spec: { replicas: Math.max(0, wanted(now) + by), template: closed(now) },
    });
    await recount(context, side, DEPLOYMENT, name, counted, mark);
  }
  const told = await ownerSettles(context, side, DEPLOYMENT, name, what);
  if (!told) return undefined;
  return ownerSettles(context, side, REPLICA_SET, found.metadata.name, what, (seen) => {
    const enough = by > 0 ? wanted(seen) >= wanted(told) : wanted(seen) <= wanted(told);
    return enough ? { done: true } : { done: false, why: `it wants ${wanted(seen)}, not ${wanted(told)}` };
  });
}

/** Lets the Deployment make pods of its own again. Idempotent. */
export async function openGate(
  context: WorkloadContext,
  planned: PlannedDeployment,
  replicaSet: OwnerObject,
  side: Side,
) {
  const now = await readOwner(context, side, REPLICA_SET, replicaSet.metadata.name);
  if (now) await write(context, side, REPLICA_SET, now.metadata.name, { template: opened(now, planned) });
  const owner = await readOwner(context, side, DEPLOYMENT, planned.name);
  if (owner) await write(context, side, DEPLOYMENT, planned.name, { template: opened(owner, planned), paused: null });
}

/** The ReplicaSet of the Deployment's revision. Its controller has made it by the time that it has observed the Deployment. */
export async function currentReplicaSet(context: Reading, side: Side, owner: OwnerObject): Promise<OwnerObject> {
  const { plan, signal } = context;
  const revision = owner.metadata.annotations?.[REVISION];
  const all = await context[side].list<OwnerObject>(REPLICA_SET, { namespace: plan[side].namespace, signal });
  const found = all.find(
    (one) => controllerOf(one)?.uid === owner.metadata.uid && one.metadata.annotations?.[REVISION] === revision,
  );
  if (found) return found;
  throw new MigrateError('F344', {
    detail: `deployment ${plan[side].namespace}/${owner.metadata.name} of ${plan[side].context} has no ReplicaSet of its revision ${revision}`,
    remedy: 'look whether its controller runs: kubectl get replicasets',
  });
}

async function write(
  context: WorkloadContext,
  side: Side,
  resource: Resource,
  name: string,
  spec: { [field: string]: Json },
) {
  const { plan, gateway, signal } = context;
  await gateway.patch(ownerRef(plan, side, resource, name), 'merge', { spec }, { signal });
}

/** What an owner's template says behind a closed gate. Pure. */
export function closed({ spec }: OwnerObject): Json {
  const gates = [...gatesOf(spec.template).filter(({ name }) => name !== GATE), { name: GATE }];
  return { spec: { serviceAccountName: NOBODY, serviceAccount: NOBODY, schedulingGates: gates } };
}

function opened({ spec }: OwnerObject, { serviceAccount = null }: { serviceAccount?: string | null }): Json {
  const gates = gatesOf(spec.template).filter(({ name }) => name !== GATE);
  const schedulingGates = gates.length > 0 ? gates : null;
  return { spec: { serviceAccountName: serviceAccount, serviceAccount, schedulingGates } };
}

function gatesOf(template: PodTemplate): Gates {
  return (template.spec['schedulingGates'] as Gates | undefined) ?? [];
}
