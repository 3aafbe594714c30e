import { asMigrateError } from '../domain/errors.ts';
import type { StepResults } from '../steps/results.ts';
import { stepsOf } from '../steps/step.ts';
import { Chronicle } from './chronicle.ts';
import type { Begun, RunOptions } from './context.ts';
import { rollBack } from './roll-back.ts';
import { goThrough } from './run.ts';
import { thrownBy } from './taken-over.ts';

/**
 * Carries out steps that only look, and takes back what they made for it, whatever they saw. Yields what they saw.
 * Throws the failure that kept one of them from it, or F390 when something of it could not be taken back.
 */
export async function lookAround(options: RunOptions): Promise<StepResults> {
  const results: StepResults = {};
  const begun: Begun[] = [];
  const way = { results, begun, chronicle: new Chronicle(options.journal) };
  const steps = stepsOf(options.steps, options.context.plan);
  try {
    const failure = await goThrough(options, steps, way).then(() => undefined, asMigrateError);
    await rollBack(options, begun, results, failure);
    if (failure) throw failure;
    return results;
  } catch (error) {
    throw thrownBy(options, error);
  } finally {
    options.context.engine.close();
    await options.lock.leave();
  }
}
