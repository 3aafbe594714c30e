import { describe, expect, it } from 'vitest';
import { resume } from '../../../src/runner/resume.ts';
import type { StepContext } from '../../../src/steps/step.ts';
import { program } from '../../fixtures/steps.ts';

const AT_HOME = {
  uid: 'u',
  containerIds: [],
  addresses: [],
  side: 'source',
  node: 'east-1',
  failure: { code: 'F341', detail: 'CRIU refused' },
};

/** A committed migration whose pod was restored where it was, taken up by another process. */
async function committedAtHome() {
  const { options, journal, log } = await program();
  await journal.commit({});
  await journal.append([{ step: 'place', kind: 'done', data: AT_HOME }]);
  const engine = {
    attach: async () => undefined,
    look: async () => ({ means: 'absent', source: 'unknown', target: 'unknown' }),
    close: () => undefined,
  } as unknown as StepContext['engine'];
  const taken = { ...options, context: { ...options.context, engine }, operation: 'resume' };
  const steps = options.steps.map((step) => ({ ...step, inspect: async () => 'partial' as const }));
  return { taken: { ...taken, steps }, journal, log };
}

describe('a resume of a move that ended where it began', () => {
  it('brings it to its end and says that the pod goes on at home: a failure with the source serving', async () => {
    const { taken, journal } = await committedAtHome();
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
