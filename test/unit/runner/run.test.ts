import { describe, expect, it } from 'vitest';
import { asMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import { Progress } from '../../../src/report/progress.ts';
import { situationOf } from '../../../src/report/situation.ts';
import { timeline } from '../../../src/report/timeline.ts';
import { run } from '../../../src/runner/run.ts';
import { type Act, failure, only, PROGRAM, program, record } from '../../fixtures/steps.ts';
import { inFakeTime } from '../../support/fake-time.ts';

const NAMES = PROGRAM.map(([name]) => name);
const BEFORE = NAMES.slice(0, NAMES.indexOf('commit'));
/** How a run ends whose migration somebody else has by then. */
const THEIRS = {
  outcome: 'midway',
  detail: expect.stringContaining('somebody else has taken m-test up or ended it'),
  remedy: expect.stringContaining('kubectl migrate status m-test'),
};
const fails = (name: string): Act => ({ apply: () => Promise.reject(failure(name)) });

describe('a run', () => {
  it('announces every act before it begins, and writes each result', async () => {
    const world = await program();
    const results = await run(world.options);
    expect(only(world.log, 'apply')).toEqual(NAMES);
    for (const name of BEFORE) {
      expect(world.log.indexOf(`write intent ${name}`)).toBeGreaterThanOrEqual(0);
      expect(world.log.indexOf(`write intent ${name}`)).toBeLessThan(world.log.indexOf(`apply ${name}`));
    }
    expect(results).toMatchObject({ helpers: { from: 'helpers' }, finalize: { from: 'finalize' } });
    expect(world.log.slice(-3)).toEqual(['close done', 'unlock', 'close engine']);
    expect(world.log).not.toContain('forget');
  });

  it('leaves a record that tells it all: undo with the intent, result with done', async () => {
    const world = await program();
    await run(world.options);
    const { state, entries } = await record(world);
    expect(state).toBe('done');
    expect(entries.find(({ step, kind }) => step === 'routes' && kind === 'intent')?.data).toEqual({ undo: 'routes' });
    expect(entries.find(({ step, kind }) => step === 'routes' && kind === 'done')?.data).toEqual({ from: 'routes' });
    const done = entries.filter(({ kind }) => kind === 'done').map(({ step }) => step);
    expect(done).toEqual(NAMES.filter((name) => name !== 'commit'));
    expect(entries.filter(({ kind }) => kind === 'commit')).toHaveLength(1);
  });

  it('writes a result together with the next intent, in one request', async () => {
    const world = await program();
    const writes = () => world.cluster.calls.filter(({ method }) => method === 'PATCH').length;
    const before = writes();
    await run(world.options);
    expect(writes() - before).toBeLessThanOrEqual(NAMES.length + 3);
  });

  it('writes what happens within the freeze with the commit, in one request', async () => {
    const patches = () => world.cluster.calls.filter(({ method }) => method === 'PATCH').length;
    const seen: number[] = [];
    const apply = async () => ({ patches: seen.push(patches()) });
    const world = await program({ freeze: { apply }, restore: { covered: () => true }, switch: { apply } });
    await run(world.options);
    const [frozen = 0, switched] = seen;
    expect(switched).toBe(frozen + 1);
    const told = (await record(world)).entries.map(({ step, kind }) => `${step} ${kind}`);
    expect(told.slice(told.indexOf('freeze done'), told.indexOf('commit commit') + 1)).toEqual([
      'freeze done',
      'restore intent',
      'restore done',
      'commit commit',
    ]);
  });

  it('bears the times at which things happened, within the freeze as well', async () => {
    const world = await program({
      freeze: { apply: () => world.clock.sleep(90).then(() => ({})) },
      restore: { apply: () => world.clock.sleep(60).then(() => ({})), covered: () => true },
    });
    await run(world.options);
    const took = new Map(timeline(await record(world)).map(({ step, fromMs, toMs }) => [step, toMs - fromMs]));
    expect([took.get('freeze'), took.get('restore')]).toEqual([90, 60]);
  });

  it('commits after the last act before it and before the first act behind it', async () => {
    const { options, log } = await program();
    await run(options);
    expect(log.indexOf('write commit')).toBeGreaterThan(log.indexOf('apply commit'));
    expect(log.indexOf('write commit')).toBeLessThan(log.indexOf('apply switch'));
  });

  it('hands each step what the ones before it yielded', async () => {
    const seen: unknown[] = [];
    const apply: Act['apply'] = async ({ results }, undo) => {
      seen.push({ ...results }, undo);
      return {};
    };
    const { options } = await program({ freeze: { apply } });
    await run(options);
    expect(seen).toEqual([{ helpers: { from: 'helpers' }, routes: { from: 'routes' } }, { undo: 'freeze' }]);
  });
});

describe('a failure before the commit', () => {
  it.each(BEFORE)('in %s takes back all that was begun, the last first', async (name) => {
    const world = await program({ [name]: fails(name) });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F332', detail: name, outcome: 'failed' });
    const begun = BEFORE.slice(0, BEFORE.indexOf(name) + 1);
    expect(only(world.log, 'revert')).toEqual(begun.toReversed());
    expect((await record(world)).state).toBe('rolled-back');
    expect(world.log.slice(-2)).toEqual(['forget', 'close engine']);
  });

  it('in the last look of the commit does the same', async () => {
    const world = await program({ commit: fails('commit') });
    await expect(run(world.options)).rejects.toMatchObject({ detail: 'commit', outcome: 'failed' });
    expect(only(world.log, 'revert')).toEqual(BEFORE.toReversed());
    expect((await record(world)).state).toBe('rolled-back');
  });

  it('of a step’s own proof counts as a failure of the step', async () => {
    const { options, log } = await program({ freeze: { verify: () => Promise.reject(failure('proof')) } });
    await expect(run(options)).rejects.toMatchObject({ detail: 'proof' });
    expect(only(log, 'revert')).toEqual(['freeze', 'routes', 'helpers']);
  });

  it('hands the way back what was recorded', async () => {
    const undone: unknown[] = [];
    const revert: Act['revert'] = async (_context, undo) => {
      undone.push(undo);
    };
    const { options } = await program({ routes: { revert }, freeze: fails('freeze') });
    await expect(run(options)).rejects.toThrow();
    expect(undone).toEqual([{ undo: 'routes' }]);
  });

  it('is in the record with its code', async () => {
    const world = await program({ freeze: fails('freeze') });
    await expect(run(world.options)).rejects.toThrow();
    const failed = (await record(world)).entries.find(({ kind }) => kind === 'failed');
    expect(failed).toMatchObject({ step: 'freeze', data: { code: 'F332', detail: 'freeze' } });
  });

  it('that nobody foresaw is a defect, and leads back all the same', async () => {
    const world = await program({ freeze: { apply: () => Promise.reject(new TypeError('x is undefined')) } });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F399', outcome: 'failed' });
    expect((await record(world)).state).toBe('rolled-back');
  });
});

describe('a source that changed before the commit', () => {
  const remove: Act['apply'] = async () => {
    world.cluster.remove(RESOURCES.pod, 'shop', 'cart-0');
    return {};
  };
  let world: Awaited<ReturnType<typeof program>>;

  it.each(['restored', 'running', 'unknown'] as const)(
    'keeps the run from taking anything back where the target is %s: it may be the only copy',
    async (target) => {
      world = await program({ restore: { apply: remove }, commit: fails('commit') }, target);
      await expect(run(world.options)).rejects.toMatchObject({
        code: 'F344',
        outcome: 'midway',
        detail: expect.stringContaining('pod shop/cart-0 was removed'),
        remedy: expect.stringContaining('rollback m-test --discard-target'),
      });
      expect(only(world.log, 'revert')).toEqual([]);
      expect(world.log).not.toContain('forget');
      expect((await record(world)).state).toBe('running');
      expect(world.messages.map(({ text }) => text).join('\n')).not.toMatch(/turning back|the source serves/);
    },
  );

  it.each([
    ['before the restore', { freeze: { apply: remove }, restore: fails('restore') }, 'waiting'],
    ['where nothing was restored', { restore: { apply: remove }, commit: fails('commit') }, 'waiting'],
  ] as const)('%s is led back, and not said to serve', async (_when, acts, target) => {
    world = await program(acts, target);
    await expect(run(world.options)).rejects.toMatchObject({ outcome: 'failed' });
    expect((await record(world)).state).toBe('rolled-back');
    const last = world.messages.findLast(({ code }) => code === 'I410');
    expect(last?.text).toContain('pod shop/cart-0 was removed');
    expect(last?.text).not.toContain('serves');
  });

  it('is not said to serve where not everything could be taken back', async () => {
    world = await program({
      freeze: { apply: remove },
      restore: fails('restore'),
      routes: { revert: () => Promise.reject(failure('routes')) },
    });
    const error = await inFakeTime(() => run(world.options).catch(asMigrateError), 500);
    expect(error).toMatchObject({ code: 'F390', outcome: 'rollbackIncomplete' });
    const progress = new Progress();
    for (const message of world.messages) progress.take(message, 0);
    expect(situationOf(error as MigrateError, progress)).toMatchObject({
      serves: 'unknown',
      text: 'pod shop/cart-0 was removed; not everything that was made could be taken away',
    });
  });
});

describe('a lock that somebody else has taken', () => {
  const taken = new MigrateError('F371', {
    detail: 'lease pod.shop.cart-0: ann on lap',
    remedy: 'look',
    takenOver: true,
  });
  let world: Awaited<ReturnType<typeof program>>;
  const lose: Act['apply'] = async ({ signal }) => {
    world.lost.abort(taken);
    signal.throwIfAborted();
    throw failure('what it needs is gone');
  };
  const stopped = { code: 'F371', ...THEIRS };

  it.each(BEFORE)('ends the run in %s, and nothing is taken back', async (name) => {
    world = await program({ [name]: { apply: lose } });
    await expect(run(world.options)).rejects.toMatchObject(stopped);
    expect(only(world.log, 'revert')).toEqual([]);
    expect(world.log).not.toContain('forget');
    expect((await record(world)).state).toBe('running');
  });

  it.each(['freeze', 'switch'])('as is heard after a sleep keeps %s from beginning', async (name) => {
    world = await program();
    const { lock } = world.options;
    const confirm = async () => {
      if (world.log.includes(`write intent ${name}`) || world.log.includes('write commit')) throw taken;
    };
    await expect(run({ ...world.options, lock: { ...lock, confirm } })).rejects.toMatchObject(stopped);
    expect(only(world.log, 'apply')).toEqual(NAMES.slice(0, NAMES.indexOf(name)));
    expect(only(world.log, 'revert')).toEqual([]);
  });

  it('is none where no cluster says whose it is', async () => {
    world = await program();
    const { lock } = world.options;
    await run({ ...world.options, lock: { ...lock, confirm: () => Promise.reject(failure('no answer')) } });
    expect(only(world.log, 'apply')).toEqual(NAMES);
  });

  it('ends a way back', async () => {
    const revert: Act['revert'] = async () => {
      world.lost.abort(taken);
      throw failure('what it needs is gone');
    };
    world = await program({ freeze: { revert }, restore: fails('restore') });
    await expect(run(world.options)).rejects.toMatchObject(stopped);
    expect(only(world.log, 'revert')).toEqual(['restore', 'freeze']);
    expect(world.log).not.toContain('forget');
  });

  it.each(['switch', 'finalize'])('ends the way forward in %s at once', async (name) => {
    world = await program({ [name]: { apply: lose } });
    await expect(run(world.options)).rejects.toMatchObject(stopped);
    expect(only(world.log, 'apply').filter((each) => each === name)).toHaveLength(1);
    expect(world.log).not.toContain('close done');
    expect((await record(world)).state).toBe('committed');
  });

  it('ends the way forward between two tries', async () => {
    const apply: Act['apply'] = async () => {
      setTimeout(() => world.lost.abort(taken), 1500);
      throw failure('slow');
    };
    world = await program({ switch: { apply } });
    await expect(inFakeTime(() => run(world.options), 500)).rejects.toMatchObject(stopped);
    expect(only(world.log, 'apply').filter((name) => name === 'switch')).toHaveLength(2);
  });
});

describe('a way back that fails', () => {
  it('names what is left, takes back the rest, and keeps the record', async () => {
    const world = await program({
      routes: { revert: () => Promise.reject(failure('the service')) },
      restore: fails('restore'),
    });
    await expect(run(world.options)).rejects.toMatchObject({
      code: 'F390',
      outcome: 'rollbackIncomplete',
      detail: expect.stringMatching(/restore[\s\S]*the service \(mend the service\)/),
    });
    expect(only(world.log, 'revert')).toEqual(['restore', 'freeze', 'routes', 'routes', 'routes', 'helpers']);
    expect((await record(world)).state).toBe('rollback-incomplete');
    expect(world.log).not.toContain('forget');
  });

  it('leaves alone what finishing it by hand needs', async () => {
    const world = await program({
      freeze: { revert: () => Promise.reject(failure('the source')), revertNeeds: ['helpers'] },
      restore: fails('restore'),
    });
    await expect(run(world.options)).rejects.toMatchObject({
      outcome: 'rollbackIncomplete',
      detail: expect.stringContaining('the helper pods were left running'),
    });
    expect(only(world.log, 'revert')).not.toContain('helpers');
  });

  it('because of the last clean-up says so too', async () => {
    const world = await program({ freeze: fails('freeze') });
    const options = { ...world.options, forget: () => Promise.reject(failure('the record')) };
    await expect(run(options)).rejects.toMatchObject({
      outcome: 'rollbackIncomplete',
      detail: expect.stringContaining('the record'),
    });
  });
});

describe('the journal', () => {
  it('that somebody else wrote to stops the run before the next act', async () => {
    const meddle: Act['apply'] = async () => {
      world.cluster.change(RESOURCES.configMap, 'kubectl-migrate', 'm-test', (map) => {
        map['data'] = { record: '{}' };
      });
      return {};
    };
    const world = await program({ routes: { apply: meddle } });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F315', ...THEIRS });
    expect(only(world.log, 'apply')).toEqual(['helpers', 'routes']);
    expect(only(world.log, 'revert')).toEqual([]);
    expect(world.log).not.toContain('forget');
  });

  it('that somebody removed does the same', async () => {
    const meddle: Act['apply'] = async () => {
      world.cluster.remove(RESOURCES.configMap, 'kubectl-migrate', 'm-test');
      return {};
    };
    const world = await program({ freeze: { apply: meddle } });
    await expect(run(world.options)).rejects.toMatchObject(THEIRS);
    expect(only(world.log, 'revert')).toEqual([]);
    expect(world.log).not.toContain('forget');
  });

  it('that somebody else wrote to keeps the run from turning back as well', async () => {
    const meddle: Act['apply'] = async () => {
      world.cluster.change(RESOURCES.configMap, 'kubectl-migrate', 'm-test', (map) => {
        map['data'] = { record: '{}' };
      });
      throw failure('the helper is gone');
    };
    const world = await program({ freeze: { apply: meddle } });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F315', ...THEIRS });
    expect(only(world.log, 'revert')).toEqual([]);
    expect(world.log).not.toContain('forget');
  });

  it('that does not answer keeps no source frozen', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    // Not before all is taken back.
    const world = await program({ freeze: fails('freeze'), helpers: { revert: async () => answer() } });
    const { journal } = world.options;
    const append: typeof journal.append = async (entries, write) => {
      if (entries.some(({ kind }) => kind.startsWith('revert'))) await answered;
      await journal.append(entries, write);
    };
    const ended = inFakeTime(() => run({ ...world.options, journal: { ...journal, append } }), 500);
    await expect(ended).rejects.toMatchObject({ code: 'F332', outcome: 'failed' });
    expect(only(world.log, 'revert')).toEqual(['freeze', 'routes', 'helpers']);
    expect((await record(world)).state).toBe('rolled-back');
  });

  it('that cannot be written keeps the next act from beginning, and not the way back', async () => {
    const world = await program();
    const when = ({ method }: { method: string }) => method === 'PATCH';
    world.cluster.faults.add({ when, fault: { kind: 'status', code: 422 }, from: 2, times: 1000 });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F316' });
    expect(only(world.log, 'apply')).toEqual(['helpers']);
    expect(only(world.log, 'revert')).toEqual(['helpers']);
  });

  it('that refuses the commit leads back', async () => {
    const refuse: Act['apply'] = async () => {
      const when = ({ method }: { method: string }) => method === 'PATCH';
      world.cluster.faults.add({ when, fault: { kind: 'status', code: 422 }, times: 1 });
      return {};
    };
    const world = await program({ commit: { apply: refuse } });
    await expect(run(world.options)).rejects.toMatchObject({ outcome: 'failed' });
    expect(only(world.log, 'apply')).not.toContain('switch');
    expect(only(world.log, 'revert')).toEqual(BEFORE.toReversed());
  });

  it('that does not tell whether it committed neither goes on nor back', async () => {
    const vanish: Act['apply'] = async () => {
      let gone = false;
      const when = ({ body }: { body?: unknown }) => {
        gone ||= JSON.stringify(body ?? '').includes('committed');
        return gone;
      };
      world.cluster.faults.add({ when, fault: { kind: 'silence' }, times: 1000 });
      return {};
    };
    const world = await program({ commit: { apply: vanish } });
    await expect(run(world.options)).rejects.toMatchObject({ code: 'F391', outcome: 'midway' });
    expect(world.log).toContain('close engine');
    expect(only(world.log, 'apply')).not.toContain('switch');
    expect(only(world.log, 'revert')).toEqual([]);
  });
});

describe('a failure after the commit', () => {
  it('is tried again and said', async () => {
    const apply: Act['apply'] = (_context, _undo, tries) =>
      tries < 3 ? Promise.reject(failure('slow')) : Promise.resolve({ tries });
    const world = await program({ switch: { apply } });
    const results = await inFakeTime(() => run(world.options), 500);
    expect(results).toMatchObject({ switch: { tries: 3 } });
    expect(world.messages.filter(({ code }) => code === 'W422')).toHaveLength(2);
    expect(only(world.log, 'revert')).toEqual([]);
  });

  it('for a minute stops midway, says what is missing, and takes nothing back', async () => {
    const world = await program({ switch: fails('the endpoint') });
    await expect(inFakeTime(() => run(world.options), 500)).rejects.toMatchObject({
      code: 'F391',
      outcome: 'midway',
      detail: expect.stringContaining('the endpoint'),
    });
    expect(only(world.log, 'apply').filter((name) => name === 'switch')).toHaveLength(15);
    expect(only(world.log, 'revert')).toEqual([]);
    // Streams that stay open would keep the program from ending.
    expect(world.log).toContain('close engine');
    expect((await record(world)).state).toBe('committed');
  });

  /** A move whose third write to the journal after its commit has begun is refused, and so many more. */
  async function withoutWrites(times: number) {
    const apply: Act['apply'] = async () => {
      const when = ({ method }: { method: string }) => method === 'PATCH';
      world.cluster.faults.add({ when, fault: { kind: 'status', code: 422 }, from: 3, times });
      return {};
    };
    const world = await program({ commit: { apply } });
    return world;
  }

  it('of one write to the journal is made up for by the next, and no failure of the move', async () => {
    const world = await withoutWrites(1);
    await inFakeTime(() => run(world.options), 500);
    const { state, entries } = await record(world);
    expect(state).toBe('done');
    const done = entries.filter(({ kind }) => kind === 'done').map(({ step }) => step);
    expect(done).toEqual(expect.arrayContaining(NAMES.filter((name) => name !== 'commit')));
  });

  it('of the journal does not keep the target from running', async () => {
    const world = await withoutWrites(1000);
    await expect(inFakeTime(() => run(world.options), 500)).rejects.toMatchObject({ outcome: 'midway' });
    expect(only(world.log, 'apply')).toEqual(NAMES);
  });
});
