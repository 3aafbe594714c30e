import type { Json } from '../domain/json.ts';
import type { Frozen, TargetContainer } from '../engines/engine.ts';
import type { MovedVolume } from '../helper/protocol.ts';
import type { OwnSlice } from '../routes/endpoints-route.ts';

/** What each step yields for those after it. Absent until the step is done. All of it can be written to the journal. */
export interface StepResults {
  helpers?: Record<string, never>;
  probe?: {
    readonly commandLine: readonly string[];
    readonly volumes: MovedVolume[];
    readonly memoryBytes: number;
    readonly processes: number;
  };
  placeholder?: TargetContainer;
  routes?: {
    readonly own: readonly OwnSlice[];
    /** Milliseconds since the epoch, after the last change of a Service. */
    readonly changedAt: number;
  };
  /** How long the freeze was put off for kube-proxy, in ms. */
  settle?: { readonly waitMs: number };
  copy?: { readonly bytes: number; readonly files: number };
  freeze?: Frozen;
  transfer?: { readonly bytes: number };
  /** What the engine tells of it, for people and measurements. */
  restore?: Readonly<Record<string, Json>>;
  verify?: { readonly processes: number };
  commit?: Record<string, never>;
  switch?: { readonly downMs: number };
  finalize?: Record<string, never>;
}
