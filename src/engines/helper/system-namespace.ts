import { failureCode } from '../../domain/errors.ts';
import { MIGRATION_ANNOTATION } from '../../domain/names.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Side } from '../../domain/refs.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { ClusterReader, Gateway, Resource } from '../../kube/ports.ts';
import { RESOURCES, ROOT_CA_CONFIG_MAP } from '../../kube/resources.ts';
import { helperPolicy, systemNamespace } from './helper-pod.ts';

export interface NamespaceContext {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly signal: AbortSignal;
}

/**
 * Makes the system namespace, and in it no network for helpers, where the plan found none. Idempotent: one that somebody
 * made meanwhile will do.
 */
export async function ensureNamespace(gateway: Gateway, plan: Plan, side: Side, signal: AbortSignal): Promise<void> {
  const { namespace, createNamespaceIn } = plan.helper;
  if (!createNamespaceIn.includes(side)) return;
  const make = async (resource: Resource, object: KubeObject) => {
    try {
      await gateway.create(side, resource, object, { signal });
    } catch (error) {
      if (failureCode(error) !== 'F318') throw error;
    }
  };
  await make(RESOURCES.namespace, systemNamespace(namespace));
  await make(RESOURCES.networkPolicy, helperPolicy(namespace));
}

/** By these it is seen whether anybody keeps something in the system namespace: journals, locks, or what is his own. */
export const NAMESPACE_CONTENTS = [RESOURCES.pod, RESOURCES.configMap, RESOURCES.lease, RESOURCES.secret] as const;

/** Removes the system namespace where this migration made it and nothing of anybody is left in it. Idempotent. */
export async function removeEmptyNamespaces(context: NamespaceContext, sides: readonly Side[]): Promise<void> {
  const { plan, gateway, signal } = context;
  const { namespace: name, createNamespaceIn } = plan.helper;
  for (const side of sides) {
    if (!createNamespaceIn.includes(side) || (await inUse(context, side))) continue;
    const ref = { side, apiVersion: 'v1', kind: 'Namespace', name, resource: RESOURCES.namespace };
    await gateway.delete(ref, { signal });
  }
}

/** Helper pods of ours that are still ending do not count, nor what every namespace has; everybody's everything else does. */
async function inUse(context: NamespaceContext, side: Side): Promise<boolean> {
  const { plan, signal } = context;
  const options = { namespace: plan.helper.namespace, signal };
  const [pods, ...others] = await Promise.all(
    NAMESPACE_CONTENTS.map((resource) => context[side].list<KubeObject>(resource, options)),
  );
  return (
    others.flat().some(({ metadata }) => metadata.name !== ROOT_CA_CONFIG_MAP) ||
    (pods ?? []).some((pod) => pod.metadata.labels?.[MIGRATION_ANNOTATION] !== plan.id)
  );
}
