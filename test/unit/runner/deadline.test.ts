import { describe, expect, it } from 'vitest';
import { DEFAULT_DEADLINES, type Deadlines } from '../../../src/domain/plan.ts';
import { flagOf, withDeadline } from '../../../src/runner/deadline.ts';
import { failure } from '../../fixtures/steps.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const names = Object.keys(DEFAULT_DEADLINES) as (keyof Deadlines)[];
const forever = () => new Promise<never>(() => undefined);

function bounded(signal = new AbortController().signal) {
  return { name: 'copy files', deadline: 'copyTimeout', ms: 10_000, signal } as const;
}

describe('a deadline', () => {
  it.each(names)('of %s has a flag of its name', (name) => {
    expect(flagOf(name)).toMatch(/^--[a-z]+(-[a-z]+)*$/);
  });

  it('that passes ends the act with F320, what it was, how long, and the flag', async () => {
    const late = inFakeTime(() => withDeadline(forever, bounded()), 1000);
    await expect(late).rejects.toMatchObject({
      code: 'F320',
      detail: expect.stringMatching(/copy files.*10 s/),
      remedy: expect.stringContaining('--copy-timeout'),
    });
  });

  it('that passes aborts the act', async () => {
    let seen: AbortSignal | undefined;
    const act = (signal: AbortSignal) => {
      seen = signal;
      return forever();
    };
    await expect(inFakeTime(() => withDeadline(act, bounded()), 1000)).rejects.toThrow();
    expect(seen?.aborted).toBe(true);
  });

  it('leaves an act that ends its own wait the time to say why', async () => {
    const act = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10_500));
      throw failure('not scheduled: no node fits');
    };
    const late = inFakeTime(() => withDeadline(act, bounded()), 500);
    await expect(late).rejects.toMatchObject({ code: 'F332', detail: 'not scheduled: no node fits' });
  });

  it('does not touch an act that is done in time, nor what it left running', async () => {
    let seen: AbortSignal | undefined;
    const act = async (signal: AbortSignal) => {
      seen = signal;
      return 7;
    };
    await expect(withDeadline(act, bounded())).resolves.toBe(7);
    expect(seen?.aborted).toBe(false);
  });
});

describe('an act', () => {
  it('does not begin when it is too late already', async () => {
    let begun = false;
    const act = async () => {
      begun = true;
    };
    const reason = failure('interrupted');
    await expect(withDeadline(act, bounded(AbortSignal.abort(reason)))).rejects.toBe(reason);
    expect(begun).toBe(false);
  });

  it('that fails in one part stops its others, so that none of them goes on beside the way back', async () => {
    let seen: AbortSignal | undefined;
    const act = async (signal: AbortSignal) => {
      seen = signal;
      await Promise.all([Promise.reject(failure('one side')), forever()]);
    };
    await expect(withDeadline(act, bounded())).rejects.toMatchObject({ detail: 'one side' });
    expect(seen?.aborted).toBe(true);
  });

  it('that hears nothing of an interrupt is not waited for', async () => {
    const interrupt = new AbortController();
    const ended = withDeadline(forever, bounded(interrupt.signal));
    const reason = failure('interrupted');
    interrupt.abort(reason);
    await expect(ended).rejects.toBe(reason);
  });
});
