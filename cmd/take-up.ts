import type { Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { finalizeCommitted, resume, rollBackUnfinished } from '../src/runner/resume.ts';
import { STEPS } from '../src/steps/index.ts';
import type { MigrationFlags } from './flags/migration.ts';
import { findMigration, type MigrationOptions, sameMove, workplaceFor } from './migrations.ts';
import { output } from './output.ts';
import { takeUpSession } from './session.ts';
import type { Streams } from './streams.ts';

export interface TakeUpOptions extends MigrationFlags, MigrationOptions {
  readonly id?: string | undefined;
  readonly 'discard-target'?: boolean;
}

const ACTS = { resume, rollback: rollBackUnfinished, finalize: finalizeCommitted };

/**
 * What `resume`, `rollback` and `finalize` have in common: finds the migration, takes its lock and its record, lets it be
 * brought to its end, and says how that went and what comes next.
 */
export async function takeUp(operation: keyof typeof ACTS, options: TakeUpOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const { plan } = await findMigration(options.id ?? '', options, streams, out.reporter);
  const place = await workplaceFor(plan, operation, options, streams, out.reporter);
  try {
    const session = await takeUpSession(plan, place);
    const discardTarget = options['discard-target'] === true;
    const taken = { ...session, steps: STEPS, operation, discardTarget };
    const ending = await session.onTheRecord(operation, () => ACTS[operation](taken));
    const { pod, context, node } = ending === 'moved' ? plan.target : plan.source;
    const state = `${pod} serves from ${context}/${node}${ending === 'moved' ? '' : ', as before the move'}.`;
    const next = ending === 'moved' ? `${COMMAND} cleanup ${plan.id}` : sameMove(plan);
    out.result({ id: plan.id, ending, state, next }, () => `${state} Next: ${next}\n`);
    return 'done';
  } finally {
    place.close();
  }
}
