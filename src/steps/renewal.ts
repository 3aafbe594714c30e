import type { PlanDraft } from '../domain/plan.ts';
import type { Renewal } from '../workloads/workload.ts';
import type { StepResults } from './results.ts';

/** Whether the source pod's name has to be freed, so that the restore up to the commit is a rehearsal. Pure. */
export function isRehearsed({ rehearsal }: PlanDraft): boolean {
  return rehearsal !== undefined;
}

/** The pod that is made anew, on that node. Pure. */
export function renewalOn(node: string, { probe }: StepResults): Renewal {
  return { node, commandLines: probe?.commandLines ?? {} };
}
