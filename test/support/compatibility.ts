import type { FindingCode } from '../../src/domain/finding.ts';
import type { EngineName } from '../../src/domain/plan.ts';

/** One thing that a scenario shows about what can be moved: a row of docs/compatibility.md. */
export interface Shown {
  readonly kind: 'program' | 'holds' | 'pod' | 'owner';
  /** As the page says it: `redis`, `pod of a Deployment`. */
  readonly what: string;
  readonly to: 'cluster' | 'node';
  readonly engine: EngineName;
  /** With which code it is declined; absent: it moves. */
  readonly declined?: FindingCode | undefined;
}

declare module 'vitest' {
  interface TaskMeta {
    shows?: readonly Shown[];
  }
}

/** Options of a scenario that say what it shows. */
export function shows(...all: readonly Shown[]) {
  return { meta: { shows: all } };
}

type Rest = Partial<Pick<Shown, 'to' | 'engine' | 'declined'>>;

/** To another cluster by the helper engine, unless `rest` says otherwise. */
const shown =
  (kind: Shown['kind']) =>
  (what: string, rest: Rest = {}): Shown => ({ kind, what, to: 'cluster', engine: 'helper', ...rest });

export const program = shown('program');
export const holds = shown('holds');
export const ofPod = shown('pod');
export const owner = shown('owner');
