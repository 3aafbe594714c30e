import { describe, expect, it } from 'vitest';
import { asMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { Message } from '../../../src/report/message.ts';
import { run } from '../../../src/runner/run.ts';
import { type Act, failure, only, PROGRAM, program, record } from '../../fixtures/steps.ts';

const NAMES = PROGRAM.map(([name]) => name);
const BEFORE = NAMES.slice(0, NAMES.indexOf('commit'));
const interrupted = new MigrateError('F306', { detail: 'Ctrl-C', remedy: 'again', outcome: 'interrupted' });

type World = Awaited<ReturnType<typeof program>>;
const removed = ({ cluster }: World) => cluster.remove(RESOURCES.pod, 'shop', 'cart-0');
const hidden = ({ cluster }: World) =>
  cluster.faults.add({
    when: ({ method, path }) => method === 'GET' && path.endsWith('/pods/cart-0'),
    fault: { kind: 'status', code: 403 },
    times: 1000,
  });

describe('an interrupt', () => {
  it.each(BEFORE)('in %s leads back', async (name) => {
    const apply: Act['apply'] = async ({ signal }) => {
      world.interrupt.abort(interrupted);
      return await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        if (signal.aborted) reject(signal.reason);
      });
    };
    const world = await program({ [name]: { apply } });
    await expect(run(world.options)).rejects.toMatchObject({
      code: 'F306',
      outcome: 'interrupted',
      detail: expect.stringMatching(/serves from east\/east-1 as before, and nothing of the move is left in west/),
    });
    expect(only(world.log, 'revert')).toEqual(BEFORE.slice(0, BEFORE.indexOf(name) + 1).toReversed());
    expect((await record(world)).state).toBe('rolled-back');
  });

  it.each([
    ['pod shop/cart-0 was removed', 'its source was removed', removed],
    ['what has become of pod shop/cart-0 is not known: ', 'its source cannot be looked at', hidden],
  ])('says that %s when %s', async (news, _when, change) => {
    const apply: Act['apply'] = async () => {
      change(world);
      world.interrupt.abort(interrupted);
      throw interrupted;
    };
    const world = await program({ routes: { apply } });
    const error = await run(world.options).catch(asMigrateError);
    expect(error).toMatchObject({ code: 'F306', outcome: 'interrupted', detail: expect.stringContaining(news) });
    expect((error as MigrateError).detail).not.toContain('serves');
    const [last = ''] = world.messages.filter(({ code }) => code === 'I410').map(({ text }) => text);
    expect(last).toContain(news);
    expect(last).not.toContain('serves');
  });

  it('between two acts begins no further one', async () => {
    const world = await program();
    const notify = ({ code, step }: Message): void => {
      if (code === 'I403' && step === 'routes') world.interrupt.abort(interrupted);
    };
    const context = { ...world.options.context, reporter: { ...world.options.context.reporter, notify } };
    await expect(run({ ...world.options, context })).rejects.toMatchObject({ outcome: 'interrupted' });
    expect(only(world.log, 'apply')).toEqual(['helpers', 'routes']);
  });

  it('reaches no way back that is under way', async () => {
    const signals: boolean[] = [];
    const revert: Act['revert'] = async ({ signal }) => {
      signals.push(signal.aborted);
    };
    const apply: Act['apply'] = async () => {
      world.interrupt.abort(interrupted);
      throw failure('freeze');
    };
    const world = await program({ freeze: { apply, revert }, routes: { revert } });
    await expect(run(world.options)).rejects.toMatchObject({ outcome: 'interrupted' });
    expect(signals).toEqual([false, false]);
  });

  it.each(['switch', 'finalize'])('in %s, after the commit, changes nothing: the move is finished', async (name) => {
    const signals: boolean[] = [];
    const apply: Act['apply'] = async ({ signal }) => {
      world.interrupt.abort(interrupted);
      signals.push(signal.aborted);
      return {};
    };
    const world = await program({ [name]: { apply } });
    await run(world.options);
    expect(signals).toEqual([false]);
    expect(only(world.log, 'apply')).toEqual(NAMES);
    expect((await record(world)).state).toBe('done');
  });
});
