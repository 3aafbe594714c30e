import { SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { EngineName } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import { helperPolicy, systemNamespace } from '../engines/helper/helper-pod.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Access } from '../kube/ports.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** What a user does in a cluster: the part that it has in a move, and with which engine. */
export interface Part {
  readonly engine: EngineName;
  /** `within`: moves from node to node of it. */
  readonly of: Side | 'within';
  readonly user: string;
}

/**
 * What an administrator applies so that a user has exactly these accesses: the namespace of the helper pods, in which they have no network, a Role for
 * each namespace, a ClusterRole for what lies in none or in all of them, and bindings. Roles are named after the part, and
 * bindings after the user too, so that those of another part, namespace or user stand beside them. Pure.
 */
export function minimalRoles(access: readonly Access[], { engine, of, user }: Part): KubeObject[] {
  const name = `kubectl-migrate-${engine}-${of}`;
  // What a path cannot hold is no part of an object's name.
  const binding = `${name}:${user.replaceAll(/[/%]/g, '-')}`;
  const namespaces = [...new Set(access.map(({ namespace }) => namespace))];
  const roles = namespaces.flatMap((namespace): KubeObject[] => {
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    const place = namespace === undefined ? {} : { namespace };
    const rules = rulesFor(access.filter((each) => each.namespace === namespace));
    return [
      { apiVersion: `${RBAC}/v1`, kind, metadata: { name, ...place }, rules },
      {
        apiVersion: `${RBAC}/v1`,
        kind: `${kind}Binding`,
        metadata: { name: binding, ...place },
        roleRef: { apiGroup: RBAC, kind, name },
        subjects: [{ apiGroup: RBAC, kind: 'User', name: user }],
      },
    ];
  });
  return [systemNamespace(SYSTEM_NAMESPACE), helperPolicy(SYSTEM_NAMESPACE), ...roles];
}

/** Resources of the same verbs in one rule. */
function rulesFor(access: readonly Access[]) {
  const verbs = new Map<string, { group: string; resource: string; verbs: Set<string> }>();
  for (const { group, resource, subresource, verb } of access) {
    const name = [resource, subresource].filter(Boolean).join('/');
    const key = `${group} ${name}`;
    const entry = verbs.get(key) ?? { group, resource: name, verbs: new Set<string>() };
    entry.verbs.add(verb);
    verbs.set(key, entry);
  }
  const rules = new Map<string, { apiGroups: string[]; resources: string[]; verbs: string[] }>();
  for (const { group, resource, verbs: allowed } of verbs.values()) {
    const sorted = [...allowed].toSorted();
    const key = `${group} ${sorted.join()}`;
    const rule = rules.get(key) ?? { apiGroups: [group], resources: [], verbs: sorted };
    rule.resources = [...rule.resources, resource].toSorted();
    rules.set(key, rule);
  }
  return [...rules.values()];
}
