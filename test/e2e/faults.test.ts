import { describe, expect, it } from 'vitest';
import { SAME_MS } from '../../cmd/interrupts.ts';
import type { Child, Ended } from '../support/kubectl.ts';
import { endHelper, removeByForce } from '../support/node-processes.ts';
import { redisWithFiles, writingTo } from '../support/redis.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { whenSaid } from '../support/said.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';

const MOVE = ['pod', 'redis', '--context', 'east', '--to-context', 'west', '--to-node', 'west-1', '--yes'];

/** Moves, and does something to the clusters in the middle of the copy of files. */
async function moveWith(
  { migrate }: Scenario,
  meddle: (id: string) => Promise<unknown>,
  move: readonly string[] = MOVE,
): Promise<Ended> {
  const meddled = whenSaid('copy files ahead', ({ id }) => meddle(id));
  const ended = await migrate(move, meddled.options);
  await meddled.done();
  return ended;
}

async function podsAreKilled(scene: Scenario): Promise<void> {
  const { namespace, kubectl, leftOf, objects } = scene;
  const load = await writingTo(scene, '10s');
  const before = await objects();
  const faults: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    'source helper': (id) => endHelper(scene, 'east', `helper-${id}-source`),
    'target helper': (id) => endHelper(scene, 'west', `helper-${id}-target`),
    'target pod': () => removeByForce(kubectl, 'west', { namespace, name: 'redis' }),
  };
  for (const [name, fault] of Object.entries(faults)) {
    const ended = await moveWith(scene, fault);
    expect(ended.code, name).toBe(1);
    expect(ended.stderr, name).toContain('everything is as it was: the source serves');
    expect(await objects(), name).toEqual(before);
    expect(await leftOf(ended), name).toEqual([]);
  }
  const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, await load.stop());
  expect(account).toMatchObject({ lost: [], twice: [] });
}

/** A second interrupt ends the program at once, which says where both clusters stand. */
async function somebodyInsists({ migrate, leftOf }: Scenario): Promise<void> {
  let program: Child | undefined;
  let seen = 0;
  const ended = await migrate(MOVE, {
    onStart: (child) => {
      program = child;
    },
    onStderr: (text) => {
      if (text.includes('copy files ahead') && seen++ === 0) program?.kill('SIGINT');
      if (!text.includes('interrupted: turning back')) return;
      // Sooner it would be taken for the first one once more, and the way back may be over by then.
      program?.kill('SIGSTOP');
      setTimeout(() => {
        program?.kill('SIGTERM');
        program?.kill('SIGCONT');
      }, SAME_MS + 50);
    },
  });
  expect(ended.code).toBe(130);
  const [, id = ''] = /stopped at once; .*Next: kubectl migrate resume (m-\w+)/.exec(ended.stderr) ?? [];
  expect(id).not.toBe('');
  const resumed = await migrate(['resume', id]);
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('as before the move') });
  expect(await leftOf(ended)).toEqual([]);
}

async function aSecondOneBegins(scene: Scenario): Promise<void> {
  let second: Ended | undefined;
  const first = await moveWith(scene, async () => {
    second = await scene.migrate(MOVE);
  });
  expect(second?.code).toBe(6);
  expect(second?.stderr).toMatch(/F370[\s\S]*has it since 20[\s\S]*status m-/);
  expect(first.code).toBe(0);
}

async function somebodyDeletesTheSource(scene: Scenario): Promise<void> {
  const { namespace, kubectl, leftOf } = scene;
  const back = ['pod', 'redis', '--context', 'west', '--to-context', 'east', '--yes'];
  const ended = await moveWith(scene, () => removeByForce(kubectl, 'west', { namespace, name: 'redis' }), back);
  expect(ended.code).toBe(1);
  expect((await kubectl.try('east', ['-n', namespace, 'get', 'pod', 'redis'])).code).not.toBe(0);
  expect(await leftOf(ended)).toEqual([]);
}

describe('a move that something happens to', () => {
  // One redis for all of them: each but the last leaves it as it was.
  it('leads back when a helper, the target pod or the source is killed, two interrupts end it, a second move is refused', () =>
    scenario({ name: 'faults', rights: THERE_AND_BACK }, async (scene) => {
      await redisWithFiles(scene);
      await podsAreKilled(scene);
      await somebodyInsists(scene);
      await aSecondOneBegins(scene);
      await somebodyDeletesTheSource(scene);
    }));
});
