import type { CriuTimes, Handover, HelperResult, MovedVolume } from '../helper/protocol.ts';
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
  placeholder?: { readonly uid: string; readonly containerId: string; readonly addresses: readonly string[] };
  routes?: { readonly own: readonly OwnSlice[] };
  copy?: { readonly bytes: number; readonly files: number };
  freeze?: {
    readonly handover: Handover;
    readonly criu: CriuTimes;
    readonly timings: HelperResult<'freeze'>['timings'];
    readonly bytes: number;
    /** Milliseconds since the epoch, when the freeze was asked for. */
    readonly askedAt: number;
  };
  transfer?: { readonly bytes: number };
  restore?: { readonly criu: CriuTimes; readonly totalMs: number };
  verify?: { readonly processes: number };
  commit?: Record<string, never>;
  switch?: { readonly downMs: number };
  finalize?: Record<string, never>;
}
