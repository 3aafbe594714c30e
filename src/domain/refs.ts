export const SIDES = ['source', 'target'] as const;
/** Which of the two clusters an object or an act belongs to. Both may be the same cluster (a move between nodes). */
export type Side = (typeof SIDES)[number];

/** Names one Kubernetes object in one of the two clusters. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectRef {
  readonly side: Side;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** `source pod shop/cart-0`: how an object is written in plans, messages and errors. */
export function describeRef(ref: ObjectRef): string {
  return `${ref.side} ${objectName(ref)}`;
}

/** `pod shop/cart-0`, without the side. */
export function objectName(ref: Omit<ObjectRef, 'side'>): string {
  const name = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
  return `${ref.kind.toLowerCase()} ${name}`;
}
