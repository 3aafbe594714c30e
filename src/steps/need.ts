import type { StepResults } from './results.ts';

/** The result of an earlier step. Its absence is a defect: the list of steps is out of order. */
export function need<Name extends keyof StepResults>(results: StepResults, name: Name): NonNullable<StepResults[Name]> {
  const result = results[name];
  if (result === undefined) throw new Error(`step ${name} has no result yet`);
  return result as NonNullable<StepResults[Name]>;
}
