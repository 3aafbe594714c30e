import type { EngineName } from '../domain/plan.ts';
import { SIDES, type Side } from '../domain/refs.ts';

/** Where an engine wants helper pods, and where it cannot do without. */
export const HELPER_SIDES: Readonly<
  Record<EngineName, { readonly wanted: readonly Side[]; readonly needed: readonly Side[] }>
> = {
  helper: { wanted: SIDES, needed: SIDES },
  // In the target it only looks at the node.
  kubelet: { wanted: SIDES, needed: ['source'] },
};
