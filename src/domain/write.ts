import { type Effect, effectKey } from './effect.ts';
import type { Json } from './json.ts';

/** A request to an API server with its content, as far as it is known before a move. */
export interface Write {
  readonly effect: Effect;
  /** The name of the object, where the effect has only how it begins. */
  readonly name?: string;
  /** How the body is meant: a whole object, or a patch of that kind. Absent for a deletion. */
  readonly form?: 'object' | 'merge' | 'json';
  readonly body?: Json;
  /** With a server-side apply: fields that are somebody else's are taken. */
  readonly force?: boolean;
  /** What in the body stands for something that only the move will know. */
  readonly standIn?: string;
  /** Why it cannot be sent before the move; then it has no content. */
  readonly obstacle?: string;
}

/**
 * The write of an effect that a plan declares, of the way forward; undefined where it declares none. `step` tells effects
 * on one object apart. Pure.
 */
export function writeOf(
  { effects }: { readonly effects: readonly Effect[] },
  { verb, object, step }: Pick<Effect, 'verb' | 'object'> & { readonly step?: string },
  content: Omit<Write, 'effect'>,
): Write | undefined {
  const wanted = effectKey({ verb, object });
  const effect = effects.find(
    (each) => !each.undoes && effectKey(each) === wanted && (step === undefined || each.step === step),
  );
  return effect && { effect, ...content };
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

/** An object after a write to it, as far as that is known. Pure. */
export function written(before: Json | undefined, { form, body }: Write): Json | undefined {
  if (form !== 'json') return mergePatch(before, body);
  return (body as unknown as readonly Replacement[]).reduce<Json | undefined>(replaceAt, before);
}

/** The only operation of a JSON patch that this program sends. */
interface Replacement {
  readonly path: string;
  readonly value: Json;
}

function replaceAt(target: Json | undefined, { path, value }: Replacement): Json | undefined {
  const [key, ...rest] = path.split('/').slice(1);
  if (key === undefined) return value;
  const fields = isObject(target) ? target : {};
  const inner = rest.length === 0 ? value : replaceAt(fields[key], { path: `/${rest.join('/')}`, value });
  return inner === undefined ? fields : { ...fields, [key]: inner };
}

/** Field by field what is different; lists count as one field, an empty map as none: API servers drop it. Pure. */
export function fieldChanges(before: Json | undefined, after: Json | undefined, path = ''): FieldChange[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => fieldChanges(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  if (isEmpty(before) && isEmpty(after)) return [];
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ field: path, before, after }];
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
