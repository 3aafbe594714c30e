import { quantityToScalar } from '@kubernetes/client-node/dist/util.js';

/** A Kubernetes quantity (`50m`, `64Mi`) as a number: cores for cpu, bytes for memory. Throws on malformed text. */
export function parseQuantity(quantity: string): number {
  return Number(quantityToScalar(quantity));
}
