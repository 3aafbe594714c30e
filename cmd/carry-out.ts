import { MigrateError } from '../src/domain/errors.ts';
import type { Json } from '../src/domain/json.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import { afterHold } from '../src/domain/standing.ts';
import { withoutValues } from '../src/domain/withheld.ts';
import { run } from '../src/runner/run.ts';
import { STEPS } from '../src/steps/index.ts';
import type { StepResults } from '../src/steps/results.ts';
import { endedAtHome } from '../src/steps/take-place.ts';
import { seconds } from '../src/ui/format.ts';
import { renderPlan } from '../src/ui/plan-view.ts';
import type { Composition } from './context.ts';
import { naming } from './naming.ts';
import type { Output } from './output.ts';
import type { Streams } from './streams.ts';

export interface Consent {
  readonly yes: boolean;
  readonly output?: 'json' | 'yaml' | undefined;
}

export interface CarriedOut {
  readonly plan: Plan;
  readonly results: StepResults;
  /** What is the case now, in a sentence. */
  readonly fact: string;
}

/** Runs a plan to its end. Throws what ended it otherwise. */
export async function carryOut(
  plan: Plan,
  composition: Composition,
  out: Output,
  options: { readonly force: boolean },
): Promise<CarriedOut> {
  const session = await composition.begin(plan, options.force);
  const act = async () => {
    const ended = await run({ steps: STEPS, ...session });
    const atHome = endedAtHome(plan, ended.place);
    if (atHome) throw atHome;
    return ended;
  };
  const results = await naming(plan.id, `what became of this one: ${COMMAND} describe ${plan.id}`, () =>
    session.onTheRecord('migrate', act),
  );
  const downMs = results.switch?.downMs ?? 0;
  const fact = lastLine(plan, downMs, results.hold?.until);
  out.event({ code: 'I409', text: fact, data: { downMs, forecastDownMs: plan.forecast.downMs } });
  return { plan, results, fact };
}

/** Confirming plans covers all that they show, the removal of the sources included. Throws F304, F303, F306. */
export async function consent(plans: readonly Plan[], options: Consent, streams: Streams, out: Output): Promise<void> {
  for (const plan of plans) {
    if (options.output === undefined) streams.stderr.write(out.readable((width) => renderPlan(plan, width)));
    else out.event({ code: 'I401', text: `plan ${plan.id} made`, data: withoutValues(plan as unknown as Json) });
  }
  if (options.yes) return;
  const [only] = plans;
  const what =
    plans.length === 1 && only ? `${only.source.namespace}/${only.source.pod}` : `${plans.length} pods, in this order,`;
  if (await out.reporter.ask({ text: `Move ${what} now?` })) return;
  throw new MigrateError('F304', {
    detail: 'nothing was changed',
    remedy: 'run the command again when you are ready',
    outcome: 'declined',
  });
}

function lastLine({ id, source, target, forecast }: Plan, downMs: number, heldUntil: string | undefined): string {
  const where = `${target.context}/${target.node}`;
  const fact = `${source.pod} serves from ${where}. Down ${seconds(downMs)} (forecast ${seconds(forecast.downMs)}).`;
  if (heldUntil !== undefined) return `${fact} Source held until ${heldUntil}. Next: ${afterHold(id)}`;
  return `${fact} Next: ${COMMAND} cleanup ${id}`;
}
