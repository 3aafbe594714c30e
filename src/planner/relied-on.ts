import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { ReliedOn } from '../domain/plan.ts';
import { type ObjectRef, SIDES, type Side } from '../domain/refs.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { followed } from '../workloads/owner-facts.ts';
import type { Facts } from './facts.ts';

/** Letters of a digest that are kept: enough to see a change. */
const DIGEST_LETTERS = 16;

/**
 * The objects that a plan was made from, each with its uid and a digest of every field that mattered. Status is none of
 * them: it changes all the time. Pure.
 */
export function reliedOn(facts: Facts, node: string): ReliedOn[] {
  const { request, pod, sourceNode, services } = facts;
  const target = facts.targetNodes.find(({ metadata }) => metadata.name === node);
  const objects: (ReliedOn | undefined)[] = [
    entry('source', RESOURCES.pod, pod, [...fieldsUnder(pod, 'spec'), 'metadata.labels', 'metadata.ownerReferences']),
    entry('source', RESOURCES.node, sourceNode, ['status.nodeInfo.architecture']),
    entry('target', RESOURCES.node, target, ['spec.taints', 'spec.unschedulable', 'status.nodeInfo.architecture']),
    ...services.flatMap(({ service, inTarget }) => [
      entry('source', RESOURCES.service, service, fieldsUnder(service, 'spec')),
      entry('target', RESOURCES.service, inTarget, inTarget ? fieldsUnder(inTarget, 'spec') : []),
    ]),
    ...facts.owners.owners.map((owner) => ownerEntry('source', owner)),
    ownerEntry('target', facts.owners.inTarget.owner),
    ...facts.volumes.flatMap((volume) =>
      SIDES.flatMap((side) => [
        entry(side, RESOURCES.persistentVolumeClaim, volume[side].claim, ['spec.volumeName', 'spec.accessModes']),
        entry(side, RESOURCES.persistentVolume, volume[side].volume, fieldsUnder(volume[side].volume, 'spec')),
      ]),
    ),
    absent('target', RESOURCES.pod, facts.targetPod, request.targetNamespace, pod.metadata.name),
  ];
  return objects.filter((object) => object !== undefined);
}

/** An owner, whose number of pods and template the plan counts on. */
function ownerEntry(side: Side, owner: OwnerObject | undefined): ReliedOn | undefined {
  const resource = followed(owner);
  return resource && owner && entry(side, resource, owner, fieldsUnder(owner, 'spec'));
}

function entry(
  side: Side,
  resource: Resource,
  object: KubeObject | undefined,
  paths: readonly string[],
): ReliedOn | undefined {
  if (object === undefined) return undefined;
  const { name, namespace, uid = null } = object.metadata;
  const fields = paths.flatMap((path): [string, string][] => {
    const value = valueAt(object, path);
    return value === undefined ? [] : [[path, digest(value)]];
  });
  return { object: ref(side, resource, name, namespace), uid, fields: Object.fromEntries(fields) };
}

/** An object that must not be there: its place is taken by the move. */
function absent(
  side: Side,
  resource: Resource,
  object: KubeObject | undefined,
  namespace: string,
  name: string,
): ReliedOn {
  return { object: ref(side, resource, name, namespace), uid: object?.metadata.uid ?? null, fields: {} };
}

function ref(side: Side, { apiVersion, kind }: Resource, name: string, namespace?: string): ObjectRef {
  return { side, apiVersion, kind, ...(namespace !== undefined && { namespace }), name };
}

function fieldsUnder(object: KubeObject | undefined, part: string): string[] {
  const value = object?.[part];
  return typeof value === 'object' && value !== null ? Object.keys(value).map((key) => `${part}.${key}`) : [];
}

function valueAt(object: KubeObject, path: string): Json | undefined {
  let value: unknown = object;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value as Json | undefined;
}

function digest(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, DIGEST_LETTERS);
}
