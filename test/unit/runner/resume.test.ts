import { describe, expect, it } from 'vitest';
import { asMigrateError } from '../../../src/domain/errors.ts';
import type { EngineView } from '../../../src/engines/engine.ts';
import { Progress } from '../../../src/report/progress.ts';
import { situationOf } from '../../../src/report/situation.ts';
import { finalizeCommitted, resume, rollBackUnfinished } from '../../../src/runner/resume.ts';
import type { StepContext } from '../../../src/steps/step.ts';
import { failure, only, program } from '../../fixtures/steps.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const AT_HOME = {
  uid: 'u',
  containerIds: [],
  addresses: [],
  side: 'source',
  node: 'east-1',
  failure: { code: 'F341', detail: 'CRIU refused' },
};

const NOBODY: EngineView = { means: 'absent', source: 'unknown', target: 'unknown' };

/** A committed migration, taken up by another process that finds this. */
async function committed(acts: Parameters<typeof program>[0] = {}, view = NOBODY) {
  const { options, journal, log, messages } = await program(acts);
  await journal.commit({});
  const engine = {
    attach: async () => undefined,
    look: async () => view,
    close: () => undefined,
  } as unknown as StepContext['engine'];
  const taken = { ...options, context: { ...options.context, engine }, operation: 'resume' };
  const steps = options.steps.map((step) => ({ ...step, inspect: async () => 'partial' as const }));
  return { taken: { ...taken, steps }, journal, log, messages };
}

describe('a resume that does not come to the end of a committed move', () => {
  it('says that it is committed, and so where the processes are', async () => {
    const apply = () => Promise.reject(failure('the controller'));
    const { taken, messages } = await committed({ finalize: { apply } });
    const error = await inFakeTime(() => resume(taken).catch((thrown: unknown) => thrown), 250);
    expect(error).toMatchObject({ code: 'F391', outcome: 'midway' });
    const progress = new Progress();
    for (const message of messages) progress.take(message, 0);
    expect(situationOf(asMigrateError(error), progress)).toMatchObject({
      step: { name: 'finalize' },
      serves: 'target',
    });
  });
});

describe('a committed move whose source goes on, as its helper knows', () => {
  const view: EngineView = { means: 'done', source: 'thawed', target: 'restored' };

  it.each(Object.entries({ resume, finalizeCommitted, rollBackUnfinished }))(
    'is left alone by %s: record and clusters contradict each other',
    async (_name, act) => {
      const { taken, log } = await committed({}, view);
      await expect(act(taken)).rejects.toMatchObject({
        code: 'F372',
        outcome: 'midway',
        detail: expect.stringContaining('says committed, and the helpers say that the source goes on'),
        remedy: expect.stringContaining('do not touch pod shop/cart-0 of east'),
      });
      expect(only(log, 'apply')).toEqual([]);
    },
  );

  it('is no contradiction where a helper that was started anew knows of nothing', async () => {
    const { taken } = await committed({}, { ...view, source: 'running' });
    await expect(resume(taken)).resolves.toEqual({ kind: 'moved' });
  });
});

describe('a move that has ended', () => {
  it('is not led back by a rollback, which says so and takes the lock away', async () => {
    const { taken, journal, log } = await committed();
    await resume(taken);
    expect(journal.record().state).toBe('done');
    log.length = 0;
    await expect(rollBackUnfinished(taken)).rejects.toMatchObject({
      code: 'F373',
      outcome: 'declined',
      detail: expect.stringContaining('cart-0 serves from west/west-1'),
      remedy: expect.stringContaining('kubectl migrate cleanup m-test'),
    });
    expect(log).toContain('unlock');
  });
});

describe('a resume of a move that ended where it began', () => {
  it('brings it to its end and says that the pod goes on at home: a failure with the source serving', async () => {
    const { taken, journal } = await committed();
    await journal.append([{ step: 'place', kind: 'done', data: AT_HOME }]);
    const told = {
      code: 'F348',
      outcome: 'failed',
      detail: expect.stringMatching(/CRIU refused[\s\S]*goes on .* east-1/),
    };
    await expect(resume(taken)).rejects.toMatchObject(told);
    expect(journal.record().state).toBe('done');
    // And so does the next one, which has nothing left to do.
    await expect(resume(taken)).rejects.toMatchObject(told);
  });
});
