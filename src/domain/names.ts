import type { Side } from './refs.ts';

/** Namespace of helper pods and journals in both clusters. */
export const SYSTEM_NAMESPACE = 'kubectl-migrate';
/** The one container of a helper pod. */
export const HELPER_CONTAINER = 'helper';

/** Name of the helper pod of one side of a migration. */
export function helperPodName(migration: string, side: Side): string {
  return `helper-${migration}-${side}`;
}
