import { expect } from 'vitest';
import { differences } from '../../src/kube/portable-object.ts';
import type { Context, Kubectl } from './kubectl.ts';
import type { Scenario } from './scenario.ts';

interface Found {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Every object of a namespace and every cluster-wide one, of both clusters, by `east Deployment/web`. */
export type Snapshot = ReadonlyMap<string, Found>;

/** Kinds that say how things go, not how they are. */
const NOISE = ['events', 'events.events.k8s.io', 'componentstatuses', 'leases.coordination.k8s.io'];
/** Cluster-wide kinds of which other scenarios make some meanwhile, with their namespaces and Services. */
const OF_OTHERS = ['namespaces', 'ipaddresses.networking.k8s.io'];
/** Cluster-wide objects that a scenario makes for itself carry its namespace's name; roles of `doctor --roles` have their own. */
const OF_A_SCENARIO = /\be2e-[a-z-]+-[0-9a-f]{6}\b/;
const OF_DOCTOR = /ClusterRole(Binding)?\/kubectl-migrate-(helper|kubelet)-/;
const LEFT_OUT = new Set([...NOISE, ...OF_OTHERS]);
/** Fields that any write or any heartbeat changes, and one that kubelet fills in when it comes to it. */
const MOVING =
  /^status\.resources\b|(^|\.)(resourceVersion|generation|observedGeneration|managedFields|last\w*Time|lastHeartbeatTime|lastProbeTime)$/;

/** Takes both clusters as they are now. */
export async function takeSnapshot(kubectl: Kubectl, namespace: string): Promise<Snapshot> {
  const parts = await Promise.all(
    (['east', 'west'] as const).flatMap((context) => [
      list(kubectl, context, true, ['-n', namespace]),
      list(kubectl, context, false, []),
    ]),
  );
  const isOfOthers = (name: string) => OF_DOCTOR.test(name) || (OF_A_SCENARIO.test(name) && !name.includes(namespace));
  return new Map(parts.flat().filter(([name]) => !isOfOthers(name)));
}

const known = new Map<string, Promise<string[]>>();

/** The kinds of both clusters, which stay the same while scenarios run. */
function kindsOf(kubectl: Kubectl, namespaced: boolean): Promise<string[]> {
  const scope = `--namespaced=${namespaced}`;
  const kinds =
    known.get(scope) ??
    kubectl
      .run('east', ['api-resources', '--verbs=list', scope, '-o', 'name'])
      .then((names) => names.split('\n').filter((kind) => kind !== '' && !LEFT_OUT.has(kind)));
  known.set(scope, kinds);
  return kinds;
}

async function list(kubectl: Kubectl, context: Context, namespaced: boolean, place: readonly string[]) {
  const kinds = await kindsOf(kubectl, namespaced);
  const { items } = await kubectl.json<{ items: Found[] }>(context, [...place, kinds.join(',')]);
  return items.map((object) => [`${context} ${object.kind}/${object.metadata.name}`, still(object)] as const);
}

/** Without the status of a node, which tells of everything that runs there. */
function still(object: Found): Found {
  if (object.kind !== 'Node') return object;
  const { status: _status, ...rest } = object;
  return rest as Found;
}

/**
 * What is not as it was, one line each: `west Pod/db-1 made`, `east Pod/db-0 gone`, or the field with both values,
 * `east StatefulSet/db spec.replicas: 2 -> 1`. In the order of the names.
 */
export function changes(before: Snapshot, after: Snapshot): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (!was) return [`${name} made`];
    if (!is) return [`${name} gone`];
    return differences(was, is)
      .filter(({ field }) => !MOVING.test(field))
      .map(({ field, source, target }) => `${name} ${field}: ${JSON.stringify(source)} -> ${JSON.stringify(target)}`);
  });
}

/** The changes that nobody has named. `expected`: what a line begins with, or a pattern that it matches. */
export function unexpected(lines: readonly string[], expected: readonly (string | RegExp)[]): string[] {
  return lines.filter(
    (line) => !expected.some((one) => (typeof one === 'string' ? line.startsWith(one) : one.test(line))),
  );
}

/**
 * Expects that nothing of a scenario has changed but what is named (`unexpected`). Waits for it: controllers, kubelet and the
 * garbage collector come to what follows from a move in their own time.
 */
export async function expectOnly(
  { kubectl, namespace }: Pick<Scenario, 'kubectl' | 'namespace'>,
  before: Snapshot,
  expected: readonly (string | RegExp)[],
  message?: string,
): Promise<void> {
  const others = async () => unexpected(changes(before, await takeSnapshot(kubectl, namespace)), expected);
  await expect.poll(others, { timeout: 60_000, interval: 1000, ...(message !== undefined && { message }) }).toEqual([]);
}
