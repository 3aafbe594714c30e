import type { Finding } from '../domain/finding.ts';
import { HELD_LABEL } from '../domain/names.ts';
import { controllerOf, matchesSelector, type OwnerObject } from '../kube/owner-objects.ts';
import { type Difference, describeDifference, differences, isNamed } from '../kube/portable-object.ts';
import { isSettled } from './counted-owner.ts';
import { managedElsewhere } from './managed-elsewhere.ts';
import { isOnePlace, type OwnerFacts } from './owner-facts.ts';

/** How many pods an owner wants; the API's default is one. Pure. */
export function wanted(owner: OwnerObject): number {
  return owner.spec.replicas ?? 1;
}

/** `deployment web`. Pure. */
export function nameOf(owner: OwnerObject): string {
  return `${owner.kind.toLowerCase()} ${owner.metadata.name}`;
}

function error(code: Finding['code'], what: string, why: string, remedy: string, field?: string): Finding {
  return { code, severity: 'error', what, why, remedy, ...(field !== undefined && { field }) };
}

/** What every owner is asked that has one of its pods replaced where it is: nobody else is at work on it. Pure. */
export function restFindings(facts: OwnerFacts, owner: OwnerObject): Finding[] {
  return [...held(facts, owner), ...changing(facts, owner), ...unready(facts, owner)];
}

/** What an owner is asked whose template is changed for a moment, so that it makes one of its pods anew. Pure. */
export function renewingFindings(facts: OwnerFacts, owner: OwnerObject): Finding[] {
  const managed = managedElsewhere(owner, facts.contexts.source, facts.ignoreManagers);
  return [...restFindings(facts, owner), ...above(facts, owner), ...managed];
}

/** What every owner that counts pods is asked, whatever its kind. `owner`: the one that a person scales. Pure. */
export function countingFindings(facts: OwnerFacts, owner: OwnerObject): Finding[] {
  return [
    ...fewer(facts, owner),
    ...restFindings(facts, owner),
    ...above(facts, owner),
    ...managedElsewhere(owner, facts.contexts.source, facts.ignoreManagers),
    ...autoscaled(facts, owner),
    ...budgeted(facts, owner),
    ...taken(facts, owner),
    ...different(facts, owner),
  ];
}

function fewer({ contexts, pod }: OwnerFacts, owner: OwnerObject): Finding[] {
  const left = wanted(owner) - 1;
  const rest =
    left === 0 ? 'none of its pods is left there' : `${left} of its pods ${left === 1 ? 'stays' : 'stay'} there`;
  return [
    {
      code: 'W205',
      severity: 'warning',
      what: `${nameOf(owner)} of ${contexts.source} goes from ${left + 1} to ${left} replicas: ${pod.metadata.name} moves, ${rest}`,
      why: 'an owner that went on wanting the pod would make another',
      remedy:
        left === 0 ? 'nothing to do; it stays there with 0 replicas' : 'move the others as well with --all-replicas',
      field: 'spec.replicas',
    },
  ];
}

function held(facts: OwnerFacts, owner: OwnerObject): Finding[] {
  const ends = [
    ['source', owner],
    // In one place it is the same object.
    ['target', isOnePlace(facts) ? undefined : facts.inTarget.owner],
  ] as const;
  return ends.flatMap(([side, one]) => {
    const holder = one?.metadata.labels?.[HELD_LABEL];
    if (!one || holder === undefined) return [];
    const kubectl = `kubectl --context ${facts.contexts[side]} -n ${facts.namespaces[side]}`;
    return [
      error(
        'E122',
        `${nameOf(one)} of ${facts.contexts[side]} is held by migration ${holder}, which has not finished`,
        'two moves of pods of one owner would count each other’s pods',
        `wait for it, or, if it is not running any more, take its mark away: ${kubectl} label ${nameOf(one)} ${HELD_LABEL}-`,
        `metadata.labels[${HELD_LABEL}]`,
      ),
    ];
  });
}

function changing({ contexts }: OwnerFacts, owner: OwnerObject): Finding[] {
  const { status = {}, metadata, spec } = owner;
  const replicas = wanted(owner);
  if (spec.paused === true) {
    return [
      error(
        'E122',
        `${nameOf(owner)} of ${contexts.source} is paused`,
        'its ReplicaSets may be halfway from one template to the next',
        `let it go on: kubectl --context ${contexts.source} -n ${metadata.namespace} rollout resume ${nameOf(owner)}`,
        'spec.paused',
      ),
    ];
  }
  const seen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (seen && (status.replicas ?? 0) === replicas && (status.updatedReplicas ?? replicas) === replicas) return [];
  return [
    error(
      'E122',
      `${nameOf(owner)} of ${contexts.source} is rolling out or being scaled (${status.updatedReplicas ?? 0} of ${replicas} updated, ${status.replicas ?? 0} there)`,
      'its controller is making and deleting pods at this moment',
      `wait until it is done: kubectl --context ${contexts.source} -n ${metadata.namespace} rollout status ${nameOf(owner)}`,
      'status',
    ),
  ];
}

function unready({ siblings, contexts, namespaces }: OwnerFacts, owner: OwnerObject): Finding[] {
  const names = siblings.filter((pod) => !isSettled(pod)).map((pod) => pod.metadata.name);
  if (names.length === 0) return [];
  return [
    error(
      'E123',
      `other pods of ${nameOf(owner)} are not ready: ${names.join(', ')}`,
      'a controller that wants one pod less deletes one that is not ready first',
      `wait until they are, or look why: kubectl --context ${contexts.source} -n ${namespaces.source} describe pod ${names[0]}`,
      'status.conditions',
    ),
  ];
}

function above({ above: reference }: OwnerFacts, owner: OwnerObject): Finding[] {
  if (!reference) return [];
  return [
    error(
      'E125',
      `${nameOf(owner)} belongs to ${reference.kind} ${reference.name}`,
      `the operator of ${reference.kind} keeps its number of replicas and would bring the pod back`,
      `move the application by the means of that operator`,
      'metadata.ownerReferences',
    ),
  ];
}

function autoscaled({ autoscalers, contexts, namespaces }: OwnerFacts, owner: OwnerObject): Finding[] {
  const left = wanted(owner) - 1;
  return autoscalers.map(({ metadata: { name }, spec: { minReplicas = 1 } }) => {
    // An autoscaler leaves an owner with no replicas alone.
    if (left > 0 && left < minReplicas) {
      return error(
        'E124',
        `autoscaler ${name} keeps at least ${minReplicas} pods of ${nameOf(owner)}, and ${left} would be left`,
        'it would make another in the same minute',
        `allow fewer: kubectl --context ${contexts.source} -n ${namespaces.source} patch hpa ${name} --type merge -p '{"spec":{"minReplicas":${left}}}'`,
        'spec.minReplicas',
      );
    }
    return {
      code: 'W206',
      severity: 'warning',
      what: `autoscaler ${name} scales ${nameOf(owner)} in ${contexts.source}, and does not move along`,
      why: left === 0 ? 'it leaves an owner with no pods alone' : 'it sees the load of the pods that are left',
      remedy: 'make one in the target when all pods have moved, and remove this one',
      field: 'spec.scaleTargetRef',
    };
  });
}

function budgeted({ budgets, contexts }: OwnerFacts, owner: OwnerObject): Finding[] {
  return budgets.map(({ metadata: { name } }) => ({
    code: 'W207',
    severity: 'warning',
    what: `disruption budget ${name} covers pods of ${nameOf(owner)} in ${contexts.source} and does not move along`,
    why: 'a move is no eviction: it does not ask the budget, which counts one pod less afterwards',
    remedy: 'make one in the target, and see that what is left in the source is still enough for it',
    field: 'spec.selector',
  }));
}

/** Pods of nobody's in the target that the owner's selector matches: it is made there with none and would delete them. */
function taken({ inTarget, contexts, namespaces, owners }: OwnerFacts, owner: OwnerObject): Finding[] {
  if (inTarget.owner) return [];
  const { selector } = (owners[0] ?? owner).spec;
  const free = inTarget.pods.filter((pod) => !controllerOf(pod));
  const strays = free.filter((pod) => matchesSelector(selector, pod.metadata.labels));
  if (strays.length === 0) return [];
  return [
    error(
      'E121',
      `${contexts.target}/${namespaces.target} has pods that ${nameOf(owner)} would take for its own: ${strays.map((pod) => pod.metadata.name).join(', ')}`,
      'the owner is made there with no pods and would delete them',
      'remove them, change their labels, or move to another namespace with --to-namespace',
      'spec.selector',
    ),
  ];
}

/** The owner of that name in the target must be the same in everything but its number of pods. */
function different({ inTarget, contexts, namespaces, overwrite }: OwnerFacts, owner: OwnerObject): Finding[] {
  if (!inTarget.owner) return [];
  const there = inTarget.owner;
  const found = differences(comparable(owner), comparable(there));
  const moving =
    there.spec.paused === true || (there.status?.observedGeneration ?? 0) < (there.metadata.generation ?? 0);
  const busy = error(
    'E122',
    `${nameOf(there)} of ${contexts.target} is paused or rolling out`,
    'it must be at rest to take a pod in',
    `let it finish: kubectl --context ${contexts.target} -n ${namespaces.target} rollout status ${nameOf(there)}`,
  );
  return [...(moving ? [busy] : []), ...judgeDifferences({ contexts, overwrite }, there, found)];
}

function judgeDifferences(
  { contexts, overwrite }: Pick<OwnerFacts, 'contexts' | 'overwrite'>,
  there: OwnerObject,
  found: readonly Difference[],
): Finding[] {
  if (found.length === 0) return [];
  const empty = wanted(there) === 0;
  if (empty && isNamed(there, overwrite)) return [];
  const name = `${there.kind.toLowerCase()}/${there.metadata.name}`;
  const remedy = empty
    ? `make the two alike, or have the source’s spec there, which has no pods: --overwrite ${name}`
    : 'make the two alike, or move to another namespace with --to-namespace: with pods of its own it is not overwritten';
  return [
    error(
      'E111',
      `${nameOf(there)} of ${contexts.target} differs: ${found.map(describeDifference).join('; ')}`,
      'it would take in a pod that is not of its template',
      remedy,
      found[0]?.field,
    ),
  ];
}

/** What two owners of one name must agree on: all that they say of their pods, but for how many. Pure. */
export function comparable({ spec: all }: OwnerObject): unknown {
  const { replicas: _replicas, ordinals: _ordinals, paused: _paused, ...spec } = all;
  return { spec };
}
