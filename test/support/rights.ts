import { readFileSync, writeFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Context, Kubectl } from './kubectl.ts';

/** What `kubectl migrate doctor --roles` is asked for, by what whoever has these roles may do with which engine. */
export const PRINTED = {
  'east to west': ['--context', 'east', '--to-context', 'west'],
  'west to east': ['--context', 'west', '--to-context', 'east'],
  'within east': ['--context', 'east'],
  'east to west by kubelet': ['--context', 'east', '--to-context', 'west', '--engine', 'kubelet'],
} as const;
export type Right = keyof typeof PRINTED;

/** Stands for a scenario's own namespace in roles that were printed before there was one. */
export const ANY_NAMESPACE = 'namespace-of-the-scenario';
/** The service account of a scenario's namespace that its program runs as. */
const MOVER = 'mover';
/** By itself a token ends after an hour, which a soak may take. */
const TOKEN = ['create', 'token', MOVER, '--duration=12h'];
export const ANY_USER = `system:serviceaccount:${ANY_NAMESPACE}:${MOVER}`;

export interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}
/** Objects by cluster. */
export type Manifests = Readonly<Record<Context, readonly KubeObject[]>>;

/** A rule of a role that a scenario needs beyond what is printed. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What `doctor --roles` printed, by cluster. */
export function manifestsIn(printed: string): Manifests {
  const [, ...parts] = printed.split(/^# for (\w+): .*$/m);
  const objectsOf = (context: Context) => {
    const text = parts[parts.indexOf(context) + 1];
    if (!parts.includes(context) || text === undefined) return [];
    return parseAllDocuments(text)
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null);
  };
  return { east: objectsOf('east'), west: objectsOf('west') };
}

/** Whether an object is a scenario's own, and not the same for all. */
export function isOwn(object: KubeObject): boolean {
  return JSON.stringify(object).includes(ANY_NAMESPACE);
}

/** What controllers put into every namespace that is made. */
const OF_EVERY_NAMESPACE = ['serviceaccount/default', 'configmap/kube-root-ca.crt'];

/**
 * Makes a scenario's namespace in a cluster with a service account that has these roles and no other; `also`: rules for the
 * whole cluster that it needs besides. Yields the account's token, and what outlives the namespace unless it is deleted,
 * as `kubectl delete` takes it.
 */
export async function settleIn(
  kubectl: Kubectl,
  context: Context,
  { namespace, roles, also }: { namespace: string; roles: readonly KubeObject[]; also: readonly Rule[] },
): Promise<{ token: string; outlasting: string[] }> {
  const granted = [...roles, ...(also.length === 0 ? [] : beyond(also))];
  const own = JSON.parse(JSON.stringify(granted).replaceAll(ANY_NAMESPACE, namespace)) as KubeObject[];
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: MOVER, namespace } };
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, account, ...own];
  // Validation fetches the schemas of every group first, and what `doctor` prints is no manifest that somebody typed.
  await kubectl.run(
    context,
    ['create', '--validate=false', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  );
  const [token] = await Promise.all([
    kubectl.run(context, ['-n', namespace, ...TOKEN]),
    kubectl.run(context, ['-n', namespace, 'wait', '--for=create', ...OF_EVERY_NAMESPACE, '--timeout=30s']),
  ]);
  const outlasting = own.filter(({ metadata }) => metadata.namespace !== namespace);
  return { token: token.trim(), outlasting: outlasting.map(({ kind, metadata }) => `${kind}/${metadata.name}`) };
}

function beyond(rules: readonly Rule[]): KubeObject[] {
  const group = 'rbac.authorization.k8s.io';
  const common = { apiVersion: `${group}/v1`, metadata: { name: ANY_NAMESPACE } };
  const roleRef = { apiGroup: group, kind: 'ClusterRole', name: ANY_NAMESPACE };
  const subjects = [{ apiGroup: group, kind: 'User', name: ANY_USER }];
  const binding = { ...common, kind: 'ClusterRoleBinding', roleRef, subjects };
  return [{ ...common, kind: 'ClusterRole', rules } as KubeObject, binding];
}

/** From now on the token is one whose time is over. */
export async function expireToken(kubectl: Kubectl, context: Context, namespace: string): Promise<void> {
  await kubectl.run(context, ['-n', namespace, 'delete', 'serviceaccount', MOVER]);
}

/** Puts a token into a kubeconfig that may do what the one before it was allowed to. */
export async function renewToken(
  kubectl: Kubectl,
  context: Context,
  { namespace, kubeconfig }: { readonly namespace: string; readonly kubeconfig: string },
): Promise<void> {
  await kubectl.run(context, ['-n', namespace, 'create', 'serviceaccount', MOVER]);
  const token = (await kubectl.run(context, ['-n', namespace, ...TOKEN])).trim();
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as { users: { name: Context; user: unknown }[] };
  const users = config.users.map((each) => (each.name === context ? { ...each, user: { token } } : each));
  writeFileSync(kubeconfig, JSON.stringify({ ...config, users }), { mode: 0o600 });
}

/** Writes the lab's kubeconfig with other users: whoever has these tokens. */
export function writeKubeconfig(file: string, admins: string, tokens: Readonly<Record<Context, string>>): void {
  const config = JSON.parse(readFileSync(admins, 'utf8')) as { users: { name: Context }[] };
  const users = config.users.map(({ name }) => ({ name, user: { token: tokens[name] } }));
  writeFileSync(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
}
