import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../domain/json.ts';
import { COUNTED_LABEL, HELD_LABEL, MIGRATION_ANNOTATION } from '../domain/names.ts';
import { tellable } from '../domain/withheld.ts';
import type { KubeObject } from './objects.ts';

/**
 * Annotations and labels that describe an object's life in one cluster. By those of Argo CD and Flux a copy would count
 * as theirs, and Argo CD removes what it counts as its own and does not find in its source.
 */
const CLUSTER_BOUND = new RegExp(
  [
    '^kubectl\\.kubernetes\\.io/last-applied-configuration$',
    '^deployment\\.kubernetes\\.io/',
    '^control-plane\\.alpha\\.kubernetes\\.io/',
    '^argocd\\.argoproj\\.io/(instance|tracking-id)$',
    '^(kustomize|helm)\\.toolkit\\.fluxcd\\.io/(name|namespace)$',
  ].join('|'),
);
const OWN = new Set([MIGRATION_ANNOTATION, HELD_LABEL, COUNTED_LABEL]);

/**
 * An object without what belongs to one cluster or one moment: identity, versions, owners, managed fields, status, and
 * this program's own marks. What is left says the same in any cluster. Pure.
 */
export function portable<T extends KubeObject>(object: T, namespace: string | undefined): T {
  const { status: _status, metadata, ...rest } = object;
  const { name, labels, annotations } = metadata;
  const kept = (map: Record<string, string> = {}) =>
    Object.fromEntries(Object.entries(map).filter(([key]) => !CLUSTER_BOUND.test(key) && !OWN.has(key)));
  return {
    ...rest,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels: kept(labels) }),
      ...(annotations && { annotations: kept(annotations) }),
    },
  } as unknown as T;
}

/** Whether one of the names is the object's: `NAME`, or `KIND/NAME` in any case. Pure. */
export function isNamed({ kind, metadata: { name } }: KubeObject, names: readonly string[]): boolean {
  return names.some((one) => one === name || one.toLowerCase() === `${kind.toLowerCase()}/${name}`);
}

/** A field that two objects do not agree on; undefined where one of them lacks it. */
export interface Difference {
  /** In kubectl's dotted notation. */
  readonly field: string;
  readonly source: Json | undefined;
  readonly target: Json | undefined;
}

/** Where two values differ, field by field; lists of different lengths are one difference. Empty maps count as absent. Pure. */
export function differences(source: unknown, target: unknown, field = ''): Difference[] {
  if (isDeepStrictEqual(source, target) || (isEmpty(source) && isEmpty(target))) return [];
  if (isMap(source) && isMap(target)) {
    const keys = [...new Set([...Object.keys(source), ...Object.keys(target)])];
    return keys.flatMap((key) => differences(source[key], target[key], join(field, key)));
  }
  if (Array.isArray(source) && Array.isArray(target) && source.length === target.length) {
    return source.flatMap((item, index) => differences(item, target[index], `${field}[${index}]`));
  }
  return [{ field, source: source as Json | undefined, target: target as Json | undefined }];
}

const SHOWN = 60;

/** A difference in one line: `data.mode: fast -> slow`. Pure. */
export function describeDifference({ field, source, target }: Difference): string {
  return `${field}: ${short(field, source)} -> ${short(field, target)}`;
}

function short(field: string, value: Json | undefined): string {
  if (value === undefined) return '(absent)';
  const told = tellable(field, value);
  const text = typeof told === 'string' ? told : JSON.stringify(told);
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

function join(field: string, key: string): string {
  if (/[./]/.test(key)) return `${field}[${key}]`;
  return field === '' ? key : `${field}.${key}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (isMap(value) && Object.keys(value).length === 0);
}
