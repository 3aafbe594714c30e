import { mergePatch } from './patches.ts';
import { isRecord } from './selectors.ts';

/** What names an object, and is nobody's. */
const IDENTITY = new Set(['apiVersion', 'kind', 'metadata/name', 'metadata/namespace', 'metadata/uid']);

/** By path, in JSON; a list is one field. */
type Fields = ReadonlyMap<string, string>;

/**
 * The part of server-side apply that is about fields which an applier gives up: what it alone has set, and applies no
 * more, goes. Whatever was there before with the same value is somebody else's too, and stays. Conflicts are not modelled.
 */
export class AppliedFields {
  /** By applier and uid. */
  readonly #own = new Map<string, Fields>();

  /** What an apply makes of an object. */
  merge(object: unknown, body: unknown, applier: string): unknown {
    const [present, wanted] = [fieldsOf(object), fieldsOf(body)];
    const given = [...this.#of(object, applier)].filter(
      ([path, value]) => !wanted.has(path) && present.get(path) === value,
    );
    return given.reduce((left, [path]) => without(left, path.split('/')), mergePatch(object, body));
  }

  /** Notes what is the applier's alone once an object has become another one; `before`: undefined for a new one. */
  note(before: unknown, after: unknown, body: unknown, applier: string): void {
    const [present, own] = [fieldsOf(before), this.#of(after, applier)];
    const fields = [...fieldsOf(body)].filter(([path, value]) => own.has(path) || present.get(path) !== value);
    this.#own.set(keyOf(after, applier), new Map(fields));
  }

  #of(object: unknown, applier: string): Fields {
    return this.#own.get(keyOf(object, applier)) ?? new Map();
  }
}

function keyOf(object: unknown, applier: string): string {
  const metadata = isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
  return `${applier} ${String(metadata['uid'])}`;
}

function fieldsOf(value: unknown, at: readonly string[] = []): Map<string, string> {
  // A key may hold a slash, as that of an annotation does.
  const path = at.map((key) => encodeURIComponent(key)).join('/');
  if (value === undefined || IDENTITY.has(path)) return new Map();
  if (!isRecord(value)) return new Map([[path, JSON.stringify(value)]]);
  return new Map(Object.entries(value).flatMap(([key, part]) => [...fieldsOf(part, [...at, key])]));
}

function without(value: unknown, [first = '', ...rest]: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  const key = decodeURIComponent(first);
  const { [key]: part, ...others } = value;
  return rest.length === 0 ? others : { ...others, [key]: without(part, rest) };
}
