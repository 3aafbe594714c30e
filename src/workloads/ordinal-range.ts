import type { OwnerObject } from '../kube/owner-objects.ts';
import { wanted } from './owner-findings.ts';

/** The ordinals of a set: `replicas` of them from `start` on. */
export interface OrdinalRange {
  readonly start: number;
  readonly replicas: number;
}

/** Pure. */
export function rangeOf(owner: OwnerObject): OrdinalRange {
  return { start: owner.spec.ordinals?.start ?? 0, replicas: wanted(owner) };
}

/**
 * The range without its lowest or its highest ordinal; what has come to be above the ordinal goes with it, because a set
 * has no gaps and must not make this one again. A range that is without it already is left as it is. Pure.
 */
export function without({ start, replicas }: OrdinalRange, ordinal: number): OrdinalRange {
  if (ordinal < start || ordinal >= start + replicas) return { start, replicas };
  if (ordinal === start && replicas > 1) return { start: start + 1, replicas: replicas - 1 };
  return { start, replicas: ordinal - start };
}

/** The range with an ordinal that is next to it, or in it already. Pure. */
export function including({ start, replicas }: OrdinalRange, ordinal: number): OrdinalRange {
  if (replicas === 0) return { start: ordinal, replicas: 1 };
  const first = Math.min(start, ordinal);
  return { start: first, replicas: Math.max(start + replicas, ordinal + 1) - first };
}

/** Whether the set can give the ordinal up without giving up others. Pure. */
export function isAtEnd({ start, replicas }: OrdinalRange, ordinal: number): boolean {
  return ordinal === start || ordinal === start + replicas - 1;
}

/** Whether the set can take the ordinal in without making others. Pure. */
export function isNextTo({ start, replicas }: OrdinalRange, ordinal: number): boolean {
  return replicas === 0 || ordinal === start - 1 || ordinal === start + replicas;
}

/** As the set's spec says it: one that starts at 0 says so by saying nothing. Pure. */
export function inSpec({ start, replicas }: OrdinalRange) {
  return { replicas, ordinals: start === 0 ? null : { start } };
}
