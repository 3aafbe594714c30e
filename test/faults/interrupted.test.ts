import process from 'node:process';
import { describe, expect, it } from 'vitest';
import type { MigrateError } from '../../src/domain/errors.ts';
import { CrashWorld } from './crash.ts';
import { expectEnd, newIn, takenUp, type Undisturbed, undisturbed } from './ends.ts';
import { MOVES } from './moves.ts';

const moves: Undisturbed[] = [];
for (const kind of Object.keys(MOVES)) moves.push(await undisturbed(kind));

/** `FAULTS=full` (`npm run faults`): every write of every move. Without it those that no move before has in that step. */
const FULL = process.env['FAULTS'] === 'full';

/** The writes to a cluster or a registry that a process can be interrupted at: up to the commit, and the commit itself. */
function writesOf({ acts }: Undisturbed, index: number) {
  const isNew = newIn(moves, index);
  const upToCommit = acts.slice(0, acts.indexOf('end commit'));
  return upToCommit
    .map((name, at) => ({ name, act: at + 1 }))
    .filter(({ name, act }) => / in (east|west)$| registry$/.test(name) && (FULL || isNew[act - 1]));
}

const interrupted = moves.map((move, index) => ({ kind: move.kind, move, writes: writesOf(move, index) }));

/** Longer than anybody waits for the answer to a write that is not wanted any more, in ms. */
const TOO_LATE_MS = 10_000;

describe.each(interrupted.filter(({ writes }) => writes.length > 0))(
  '$kind, moved by a plugin that is interrupted while the server is at work on',
  ({ kind, move, writes }) => {
    it.each(writes)('act $act, $name: is led back all the way, or committed', async ({ act }) => {
      const world = await CrashWorld.of(kind);
      const thrown = await world.interrupt(act);
      await world.wait(1000);
      const committed = world.isCommitted;
      if (committed) expect(thrown).toBeUndefined();
      else expect(thrown).toMatchObject({ code: 'F306', outcome: 'interrupted' });
      expectEnd(world, committed ? await takenUp(world, 'resume') : 'led-back', committed, move);
    });
  },
);

describe('a write that is answered too late', () => {
  /** A move that is interrupted during the first act of that name, or the last one before its commit. */
  async function interruptedAt(kind: string, name: string, which: 'first' | 'last' = 'last', keepsImages = false) {
    const move = moves.find((each) => each.kind === kind);
    if (!move) throw new Error(`there is no ${kind}`);
    const world = await CrashWorld.of(kind);
    if (keepsImages) world.keepImages();
    const { acts } = move;
    const index = which === 'first' ? acts.indexOf(name) : acts.lastIndexOf(name, acts.indexOf('end commit'));
    return { move, world, thrown: await world.interrupt(index + 1, TOO_LATE_MS) };
  }

  it.each([
    ['POST pods in east', 'create pod kubectl-migrate/helper-m-test-source'],
    ['POST pods in west', 'create pod shop/cart-0'],
    ['POST services in west', 'create service shop/cart'],
    ['PATCH services/cart in east', 'patch service shop/cart'],
  ])('(%s) is named, and the next way back takes away what comes of it', async (name, what) => {
    const { move, world, thrown } = await interruptedAt('a pod with a service', name);
    expect(thrown).toMatchObject({
      code: 'F390',
      outcome: 'rollbackIncomplete',
      detail: expect.stringContaining(`was told to ${what} and did not say in time whether it has`),
      remedy: expect.stringContaining('kubectl migrate resume m-test'),
    });
    expect(world.program.running()).toEqual(['source']);
    expectEnd(world, await takenUp(world, 'resume'), false, move);
  });

  it('keeps the source stopped where it may be a target that runs at once', async () => {
    const kind = 'a pod that nobody calls, by kubelet';
    const { move, world, thrown } = await interruptedAt(kind, 'POST pods in west', 'last', true);
    expect(thrown).toMatchObject({ code: 'F390', outcome: 'rollbackIncomplete' });
    const { detail } = thrown as MigrateError;
    expect(detail.match(/was told to create pod shop\/cart-0/g)).toHaveLength(1);
    await world.wait(3_600_000);
    expect(world.program.running()).toEqual(['target']);
    expect(world.program.twice).toEqual([]);
    expect(await takenUp(world, 'resume')).toBe('led-back');
    expect(world.program.running()).toEqual(['source']);
    expect(world.program.count('source')).toBe(world.program.acknowledged);
    expect(world.snapshot().clusters).toEqual(move.before.clusters);
  });

  it('may be one before the first step: it is named, and a way back takes away what comes of it', async () => {
    const { move, world, thrown } = await interruptedAt('a pod that nobody calls', 'POST secrets in east', 'first');
    expect(thrown).toMatchObject({
      code: 'F306',
      detail: expect.stringContaining('create secret kubectl-migrate/m-test and did not say'),
      remedy: expect.stringMatching(/^for what comes of that: kubectl migrate rollback m-test; then: /),
    });
    expectEnd(world, await takenUp(world, 'rollback'), false, move);
  });

  it('may be the first of all, of which there is no record', async () => {
    const { world, thrown } = await interruptedAt('a pod that nobody calls', 'POST v1/namespaces in east', 'first');
    expect(thrown).toMatchObject({
      code: 'F306',
      detail: expect.stringContaining('create namespace kubectl-migrate and did not say'),
      remedy: expect.stringMatching(/^for what comes of that: look for it and remove it; then: /),
    });
    expect(world.leftWithRecords()).toEqual(['Namespace kubectl-migrate in east']);
  });

  it('is a deletion that makes nothing: the move is led back all the way', async () => {
    const kind = 'a pod that nobody calls, by kubelet';
    const { move, world, thrown } = await interruptedAt(kind, 'DELETE pods/pull-m-test in west');
    expect(thrown).toMatchObject({ code: 'F306', outcome: 'interrupted' });
    expectEnd(world, 'led-back', false, move);
  });
});
