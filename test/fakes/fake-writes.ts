import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { Resource } from '../../src/kube/ports.ts';
import type { AppliedFields } from './applied-fields.ts';
import { describe, type Key, status } from './fake-store.ts';
import { jsonPatch, mergePatch } from './patches.ts';
import { isRecord } from './selectors.ts';

/** Data of a ConfigMap or Secret, keys and values, in bytes. */
const MAX_DATA = 1024 * 1024;

/** Checks what the fake checks of a new or changed object; yields it with kind and apiVersion filled in. */
export function checkWritable(route: { resource: Resource; namespace: string | undefined }, body: unknown): KubeObject {
  const { resource, namespace } = route;
  const metadata = isRecord(body) ? body['metadata'] : undefined;
  if (!isRecord(body) || !isRecord(metadata) || typeof metadata['name'] !== 'string') {
    throw status(422, 'Invalid', `${resource.kind} is invalid: metadata.name: Required value: name is required`);
  }
  if (metadata['namespace'] !== undefined && metadata['namespace'] !== namespace) {
    throw status(400, 'BadRequest', 'the namespace of the object does not match the namespace on the request');
  }
  const size = Object.entries(isRecord(body['data']) ? body['data'] : {}).reduce(
    (sum, [key, value]) => sum + key.length + Buffer.byteLength(String(value)),
    0,
  );
  if (resource.kind === 'ConfigMap' && size > MAX_DATA) {
    throw status(
      422,
      'Invalid',
      `ConfigMap "${metadata['name']}" is invalid: []: Too long: may not be more than 1048576 bytes`,
    );
  }
  const { name, ...others } = metadata;
  for (const map of ['labels', 'annotations']) {
    // As the API server leaves out what is empty.
    if (isRecord(others[map]) && Object.keys(others[map]).length === 0) delete others[map];
  }
  return { ...body, apiVersion: resource.apiVersion, kind: resource.kind, metadata: { ...others, name } };
}

/** Who sends a request, as far as fields have owners. */
export function managerOf({ query }: ApiRequest): string {
  return String(query?.['fieldManager'] ?? '');
}

/** The object that a patch makes of another; what only the server may set stays. */
export function applyPatch(key: Key, object: KubeObject, request: ApiRequest, applied: AppliedFields): unknown {
  const type = request.contentType ?? '';
  const body = request.body;
  if (type.includes('strategic') && holdsListOfObjects(body)) {
    throw status(422, 'Invalid', 'this fake does not know the merge keys of lists: use another patch type');
  }
  const metadata = isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {};
  for (const field of ['resourceVersion', 'uid'] as const) {
    if (metadata[field] === undefined || metadata[field] === object.metadata[field]) continue;
    throw status(409, 'Conflict', `Operation cannot be fulfilled on ${describe(key)}: the object has been modified`);
  }
  const patched = patchedBy(type, object, request, applied);
  if (!isRecord(patched) || !isRecord(patched['metadata'])) return patched;
  const { name, namespace, uid, creationTimestamp, resourceVersion } = object.metadata;
  const kept = Object.fromEntries(
    Object.entries({ name, namespace, uid, creationTimestamp, resourceVersion }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return { ...patched, metadata: { ...patched['metadata'], ...kept } };
}

function patchedBy(type: string, object: KubeObject, request: ApiRequest, applied: AppliedFields): unknown {
  if (type.includes('json-patch')) return jsonPatch(object, request.body);
  if (type.includes('apply')) return applied.merge(object, request.body, managerOf(request));
  return mergePatch(object, request.body);
}

function holdsListOfObjects(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isRecord);
  return isRecord(value) && Object.values(value).some(holdsListOfObjects);
}

/** Whether a request could have changed something: no read, no review, nothing that the server only checks. */
export function isWrite({ method, path, query, body }: ApiRequest): boolean {
  const isDryRun = query?.['dryRun'] === 'All' || JSON.stringify(body ?? {}).includes('"dryRun":["All"]');
  return method !== 'GET' && !path.endsWith('reviews') && !isDryRun;
}
