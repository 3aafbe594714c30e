import { ApiFailure } from '../../src/kube/api-client.ts';
import { isRecord } from './selectors.ts';

/** RFC 7386: null removes, objects are merged, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** RFC 6902 with add, replace, remove and test. A failed test or a missing path is 422, as the API server answers. */
export function jsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw invalid('a JSON patch is a list');
  const result: unknown = structuredClone(target);
  for (const operation of operations) {
    if (!isRecord(operation)) throw invalid('an operation is an object');
    applyOperation(result, String(operation['op']), String(operation['path']), operation['value']);
  }
  return result;
}

function applyOperation(root: unknown, op: string, path: string, value: unknown): void {
  const keys = path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((at, key) => child(at, key), root);
  const present = child(parent, last);
  if (op === 'test') {
    if (JSON.stringify(present) !== JSON.stringify(value)) throw invalid(`testing value ${path} failed`);
    return;
  }
  if (op !== 'add' && present === undefined) throw invalid(`the path ${path} does not exist`);
  if (Array.isArray(parent)) changeList(parent, op, last, value);
  else if (isRecord(parent)) {
    if (op === 'remove') delete parent[last];
    else parent[last] = value;
  } else throw invalid(`the path ${path} does not exist`);
}

function changeList(list: unknown[], op: string, key: string, value: unknown): void {
  const index = key === '-' ? list.length : Number(key);
  if (op === 'add') list.splice(index, 0, value);
  else if (op === 'remove') list.splice(index, 1);
  else list[index] = value;
}

function child(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isRecord(value) ? value[key] : undefined;
}

function invalid(message: string): ApiFailure {
  return new ApiFailure({ kind: 'status', status: { code: 422, reason: 'Invalid', message } });
}
