import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { CrashWorld } from './crash.ts';
import { broughtToEnd, expectEnd, takenUp, type Undisturbed, undisturbed } from './ends.ts';
import { WITH_HELPERS_PLACE } from './moves.ts';

type Command = 'resume' | 'rollback';

/** Moves of which everything is killed with `FAULTS=full`: once a step has acted, and then whoever takes it up after any act. */
const WHOLE = ['a pod with a service', 'a pod of a StatefulSet, to another node'];
/** Without it, and of others, each step once, and whoever takes it up after one of its acts, each time another one. */
const KINDS = [...WHOLE, 'a pod with what it refers to', WITH_HELPERS_PLACE];
const FULL = process.env['FAULTS'] === 'full';
/** So that acts of the second process take turns, whatever their number is. */
const STRIDE = 7;
/** One process after the other; on a busy machine that takes a while. */
const ALL_OF_THEM_MS = 120_000;

/** A move whose plugin was killed after an act. */
async function abandoned(kind: string, act: number) {
  const world = await CrashWorld.of(kind);
  expect((await world.begin({ act, when: 'after' })).dead).toBe(true);
  return { world, committed: world.isCommitted };
}

/** What somebody does who takes it up and lives. */
async function actsOf(kind: string, act: number, command: Command): Promise<readonly string[]> {
  const { world } = await abandoned(kind, act);
  await takenUp(world, command);
  return world.acts;
}

async function killedTwice(kind: string, act: number, command: Command, second: number, move: Undisturbed) {
  const { world, committed } = await abandoned(kind, act);
  expect(await takenUp(world, command, { act: second, when: 'after' })).toBe('killed');
  const ending = await broughtToEnd(world, 'resume');
  await world.wait(1000);
  expectEnd(world, ending, committed, move);
}

describe.each(KINDS)('%s, taken up by somebody who is killed too', async (kind) => {
  const move = await undisturbed(kind);
  const whole = FULL && WHOLE.includes(kind);
  const points = move.acts
    .map((name, index) => ({ name, act: index + 1 }))
    .filter(({ name }) => name.startsWith('end '))
    .map((point, turn) => ({ ...point, turn }))
    .flatMap((point) =>
      (['resume', 'rollback'] as const)
        .filter((_, index) => whole || point.turn % 2 === index)
        .map((command) => ({ ...point, command })),
    );

  it.each(points)(
    'comes to the end that follows from the commit, killed at $name and then in $command',
    async ({ act, turn, command }) => {
      const acts = await actsOf(kind, act, command);
      const all = acts.map((_, index) => index + 1);
      for (const second of whole ? all : [1 + ((turn * STRIDE) % acts.length)]) {
        await killedTwice(kind, act, command, second, move).catch((cause: unknown) => {
          throw new Error(`killed after ${second}, ${acts[second - 1]}`, { cause });
        });
      }
    },
    ALL_OF_THEM_MS,
  );
});

it('leaves no helper that was started anew for a place that the record does not know', async () => {
  const kind = 'a pod of a StatefulSet, to another node';
  const move = await undisturbed(kind);
  const act = move.acts.indexOf('end place') + 1;
  const second = (await actsOf(kind, act, 'resume')).indexOf('DELETE pods/helper-m-test-source in east') + 1;
  expect(second).toBeGreaterThan(0);
  await killedTwice(kind, act, 'resume', second, move);
});
