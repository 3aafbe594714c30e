import type { Json } from './json.ts';

/** Stands for a value that stays out of records, followed by its number. */
const MARK = 'kubectl-migrate.io/withheld/';

/** What people read in its place. */
const UNTOLD = '(withheld)';

/** Objects without values that are nobody's business but the program's, and those values. */
export interface Withheld {
  readonly content: Json;
  readonly values: readonly string[];
}

/** Fields that list names with values, such as `Authorization`. */
const LISTS = ['env', 'httpHeaders'];

/**
 * Takes the values of environment variables and of headers of probes out of objects of Kubernetes, also where an annotation
 * repeats the object that it is at (`kubectl.kubernetes.io/last-applied-configuration`). Pure.
 */
export function withhold(content: Json): Withheld {
  const values: string[] = [];
  const take = (value: string): string => `${MARK}${values.push(value) - 1}`;
  const walk = (json: Json | undefined, key: string): Json => {
    if (Array.isArray(json)) {
      if (isPlaceholderProbe(json)) return json.map((word, index) => (isHeaderValue(index) ? named(word, take) : word));
      return json.map((each) => (LISTS.includes(key) ? variable(each, take) : walk(each, '')));
    }
    if (!isObject(json)) return key === 'annotations/' && isRepeated(json) ? take(json) : (json ?? null);
    const inside = key === 'annotations' ? 'annotations/' : undefined;
    return mapFields(json, (value, name) => walk(value, inside ?? name));
  };
  return { content: walk(content, ''), values };
}

/** What was withheld is there again, as far as there is a value for it. Pure. */
export function restoreWithheld(content: Json, values: readonly string[]): Json {
  if (Array.isArray(content)) return content.map((each) => restoreWithheld(each, values));
  if (isObject(content)) return mapFields(content, (value) => restoreWithheld(value, values));
  if (typeof content !== 'string' || !content.startsWith(MARK)) return content;
  return values[Number(content.slice(MARK.length))] ?? content;
}

/** The same for people to read: nothing stands in its place. Pure. */
export function withoutValues(content: Json): Json {
  const { content: rest, values } = withhold(content);
  return restoreWithheld(
    rest,
    values.map(() => UNTOLD),
  );
}

/** One value as people may read it. `field`: where it is, in dotted notation. Pure. */
export function tellable(field: string, value: Json): Json {
  const isVariable =
    /(^|\.)(env|httpHeaders)([[.]\d+\]?(\.value)?)?$/.test(field) || /startupProbe\.exec\.command\b/.test(field);
  const isAnnotation = /(^|\.)annotations[[.]/.test(field) && isRepeated(value);
  return isVariable || isAnnotation ? UNTOLD : withoutValues(value);
}

/** Whether something was withheld and is not there again. Pure. */
export function hasWithheld(content: unknown): boolean {
  return JSON.stringify(content ?? null).includes(`"${MARK}`);
}

function variable(json: Json, take: (value: string) => string): Json {
  return isObject(json) ? { ...json, value: named(json['value'], take) } : json;
}

function named(value: Json | undefined, take: (value: string) => string): Json | undefined {
  return typeof value !== 'string' || value === '' ? value : take(value);
}

/** The startup probe of a placeholder that does the work of an HTTP probe (helper/placeholder-spec.ts). */
function isPlaceholderProbe([program, act, , , kind]: readonly Json[]): boolean {
  return typeof program === 'string' && program.endsWith('/placeholder') && act === 'startup' && kind === 'http';
}

/** `PROGRAM startup TIMEOUT_S BUDGET_S http HOST PORT PATH [NAME VALUE]...` */
function isHeaderValue(index: number): boolean {
  return index >= 9 && index % 2 === 1;
}

function isRepeated(json: Json | undefined): json is string {
  // It may be a text within a text, whose quotes are escaped.
  return typeof json === 'string' && /"(env|httpHeaders)\\*"/.test(json);
}

/** As JSON does, absent fields are left out. */
function mapFields(
  object: { readonly [key: string]: Json | undefined },
  act: (value: Json, name: string) => Json,
): Json {
  const fields = Object.entries(object).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, act(value, name)]],
  );
  return Object.fromEntries(fields);
}

function isObject(json: Json | undefined): json is { readonly [key: string]: Json | undefined } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
