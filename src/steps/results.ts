import type { Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import type { PodVolume } from '../domain/plan.ts';
import type { Carried, Frozen, LaterPod, Restored, Started, TargetPod } from '../engines/engine.ts';
import type { OwnSlice } from '../routes/endpoints-route.ts';

/** What each step yields for those after it. Absent until the step is done. All of it can be written to the journal. */
export interface StepResults {
  helpers?: Record<string, never>;
  probe?: {
    readonly roomForCopy?: boolean;
    readonly started?: Started;
    /** By container. */
    readonly commandLines: Readonly<Record<string, readonly string[]>>;
    readonly volumes: readonly PodVolume[];
    readonly addresses: readonly string[];
    readonly memoryBytes: number;
    readonly processes: number;
    /** Only where looking is all that is done. */
    readonly findings?: readonly Finding[];
  };
  dependencies?: Record<string, never>;
  owner?: Record<string, never>;
  placeholder?: Partial<TargetPod>;
  routes?: {
    readonly own: readonly OwnSlice[];
    /** Milliseconds since the epoch, after the last change of a Service. */
    readonly changedAt: number;
  };
  /** How long the freeze was put off for kube-proxy, in ms. */
  settle?: { readonly waitMs: number };
  /** What the workload has to know later of what it has made ready. */
  way?: { readonly made: Json };
  copy?: { readonly bytes: number; readonly files: number };
  freeze?: Frozen;
  transfer?: Carried;
  restore?: Restored;
  verify?: Readonly<Record<string, Json>>;
  commit?: Record<string, never>;
  place?: Place;
  switch?: { readonly downMs: number };
  'take-in'?: Record<string, never>;
  rehearsal?: Record<string, never>;
  /** RFC 3339. */
  hold?: { readonly until: string };
  finalize?: Record<string, never>;
}

/** The pod that took the source pod's name. */
export interface Place extends LaterPod {
  /** Why it is on the source's node again. */
  readonly failure?: { readonly code: string; readonly detail: string };
}

/** The target pod: made ahead as a placeholder, by the restore, or in the place of the source pod. */
export function targetIn(results: StepResults): TargetPod {
  const { uid, containerIds, afreshIds, addresses } =
    results.place ?? results.restore?.target ?? results.placeholder ?? {};
  if (uid === undefined || containerIds === undefined || addresses === undefined)
    throw new Error('there is no target pod yet');
  return { uid, containerIds, ...(afreshIds && { afreshIds }), addresses };
}
