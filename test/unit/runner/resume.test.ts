import { describe, expect, it } from 'vitest';
import { Progress } from '../../../src/report/progress.ts';
import { situationOf } from '../../../src/report/situation.ts';
import { resume } from '../../../src/runner/resume.ts';
import type { StepContext } from '../../../src/steps/step.ts';
import { failure, program } from '../../fixtures/steps.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const AT_HOME = {
  uid: 'u',
  containerIds: [],
  addresses: [],
  side: 'source',
  node: 'east-1',
  failure: { code: 'F341', detail: 'CRIU refused' },
};

/** A committed migration, taken up by another process. */
async function committed(acts: Parameters<typeof program>[0] = {}) {
  const { options, journal, log, messages } = await program(acts);
  await journal.commit({});
  const engine = {
    attach: async () => undefined,
    look: async () => ({ means: 'absent', source: 'unknown', target: 'unknown' }),
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
    expect(situationOf('midway', progress)).toMatchObject({ step: { name: 'finalize' }, serves: 'target' });
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
