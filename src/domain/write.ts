import type { Effect } from './effect.ts';
import type { Json } from './json.ts';

/** A request to an API server with its content, as far as it is known before a move. */
export interface Write {
  readonly effect: Effect;
  /** How the body is meant: a whole object, or a patch of that kind. Absent for a deletion. */
  readonly form?: 'object' | 'merge' | 'json';
  readonly body?: Json;
}

/** One field of an object that a write changes. */
export interface FieldChange {
  /** In dotted notation. */
  readonly field: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** A merge patch laid over an object (RFC 7386). Pure. */
export function mergePatch(target: Json | undefined, patch: Json | undefined): Json | undefined {
  if (!isObject(patch)) return patch;
  const merged: Record<string, Json | undefined> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** Field by field what is different; lists count as one field. Pure. */
export function fieldChanges(before: Json | undefined, after: Json | undefined, path = ''): FieldChange[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => fieldChanges(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ field: path, before, after }];
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
