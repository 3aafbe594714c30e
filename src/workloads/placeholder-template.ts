import type { Json } from '../domain/json.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import { allContainers, type Plan } from '../domain/plan.ts';
import type { Pod } from '../kube/objects.ts';
import type { PodTemplate } from '../kube/owner-objects.ts';
import { pinnedNode, placeholderPod, withCommandLines } from './placeholder-pod.ts';
import type { Renewal } from './workload.ts';

/**
 * An owner's template with the placeholder in it, from which it makes the target pod on a node. A pod of another name that
 * is made of it meanwhile starts the original program. Pure.
 */
export function placeholderTemplate(plan: Plan, template: PodTemplate, { node, commandLines }: Renewal): PodTemplate {
  const { labels = {}, annotations = {} } = template.metadata ?? {};
  const name = plan.target.pod;
  const original: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels, annotations },
    spec: template.spec,
  };
  const { metadata, spec } = placeholderPod({
    original,
    migration: plan.id,
    namespace: plan.target.namespace,
    node,
    images: new Map(allContainers(plan).map((container) => [container.name, container.image])),
    helperImage: plan.helper.image,
    only: name,
  });
  const made = withCommandLines({ ...original, spec }, commandLines);
  return {
    ...template,
    metadata: { ...template.metadata, annotations: { ...annotations, ...metadata.annotations } },
    spec: made.spec,
  };
}

/** The node for which this migration has put a placeholder into a template; undefined when the template is none of its. Pure. */
export function placeholderNode({ id }: Plan, { metadata, spec }: PodTemplate): string | undefined {
  return metadata?.annotations?.[MIGRATION_ANNOTATION] === id ? pinnedNode(spec) : undefined;
}

/** A template as a JSON value. Pure. */
export function asJson(template: PodTemplate): Json {
  return template as unknown as Json;
}
