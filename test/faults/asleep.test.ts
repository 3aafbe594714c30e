import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { failureCode } from '../../src/domain/errors.ts';
import type { Ending } from '../../src/runner/resume.ts';
import { CrashWorld } from './crash.ts';
import { BETWEEN, HOLDABLE, WITHIN } from './moves.ts';

/** `FAULTS=full`: moves of every kind. */
const FULL = process.env['FAULTS'] === 'full';
const KIND = 'a pod that nobody calls';
const KINDS = FULL ? Object.keys(BETWEEN) : [KIND];
const WITHIN_KINDS = FULL ? Object.keys(WITHIN) : ['a pod of a StatefulSet, to another node'];
const HELD = FULL ? Object.keys(HOLDABLE) : ['a pod of a Deployment'];
/** A lid that was closed for so long, in ms. */
const LID_MS = 120_000;
const HOLD_MS = 3_600_000;

interface Point {
  readonly name: string;
  readonly act: number;
}

/** What an undisturbed move does from its first step on, by the number of the act: up to its commit, and from there. */
async function actsOf(kind: string) {
  const world = await CrashWorld.of(kind);
  await world.begin();
  const all = numbered(world);
  const commit = world.acts.indexOf('end commit') + 1;
  return { before: all.slice(world.acts.indexOf('begin helpers'), commit), after: all.slice(commit) };
}

function numbered({ acts }: CrashWorld): Point[] {
  return acts.map((name, index) => ({ name, act: index + 1 }));
}

/** The lid is closed after an act of whoever moves the pod, or leads it back, and opened when `others` are done. */
async function asleep(world: CrashWorld, act: number, others: () => Promise<void>, command?: 'rollback') {
  let left: unknown;
  const meanwhile = async () => {
    await world.wait(LID_MS);
    await others();
    left = { ...world.snapshot(), running: world.program.running() };
  };
  const thrown = await world.sleep(act, meanwhile, command);
  await world.wait(1000);
  return { thrown, left, found: { ...world.snapshot(), running: world.program.running() } };
}

/** Whoever wakes up to find that somebody else has gone on leaves everything alone, and says so. */
function expectTold(thrown: unknown): void {
  expect(thrown).toMatchObject({
    outcome: 'midway',
    detail: expect.stringContaining('somebody else has taken m-test up or ended it'),
    remedy: expect.stringContaining('kubectl migrate status m-test'),
  });
}

const moves: { readonly kind: string; readonly before: readonly Point[] }[] = [];
for (const kind of KINDS) moves.push({ kind, ...(await actsOf(kind)) });

describe.each(moves)('$kind, moved by a machine that sleeps before the commit', ({ kind, before }) => {
  it.each(before)('after $name, while another leads it back and moves it again, changes nothing', async ({ act }) => {
    const world = await CrashWorld.of(kind);
    const { thrown, left, found } = await asleep(world, act, async () => {
      expect(await world.takeUp('rollback')).toBe('led-back');
      // Half of them keep the source: a copy that could be let go on.
      await world.moveAgain(act % 2 === 0 ? { hold: HOLD_MS } : {});
    });
    expectTold(thrown);
    expect(world.program.twice).toEqual([]);
    expect(world.program.running()).toEqual(['target']);
    expect(found).toEqual(left);
  });

  it.each(before)('after $name, comes to an end where nobody else has gone on', async ({ act }) => {
    const world = await CrashWorld.of(kind);
    await asleep(world, act, async () => undefined);
    expect(world.program.twice).toEqual([]);
    const [place, ...more] = world.program.running();
    expect(more).toEqual([]);
    expect(place && world.program.count(place)).toBe(world.program.acknowledged);
  });
});

const [sealed = 0] = moves.flatMap(({ kind, before }) =>
  kind === KIND ? before.filter(({ name }) => name === 'seal at source').map(({ act }) => act) : [],
);

/** A move that was killed right before its commit, with the source sealed. */
async function killed() {
  const world = await CrashWorld.of(KIND);
  await world.begin({ act: sealed, when: 'after' });
  return world;
}

const ledBack = await killed();
await ledBack.takeUp('rollback');
const begun = ledBack.acts.indexOf('PATCH configmaps/m-test in east');
const closed = ledBack.acts.indexOf('end taking back helpers');

describe('a way back on a machine that sleeps', () => {
  it.each(numbered(ledBack).slice(begun, closed))(
    'after $name, while another goes it to its end and moves the pod with a hold, changes nothing',
    async ({ act }) => {
      const world = await killed();
      const others = async () => {
        expect(await world.takeUp('rollback')).toBe('led-back');
        await world.moveAgain({ hold: HOLD_MS });
      };
      const { thrown, left, found } = await asleep(world, act, others, 'rollback');
      expectTold(thrown);
      expect(world.program.twice).toEqual([]);
      expect(world.program.running()).toEqual(['target']);
      expect(found).toEqual(left);
    },
  );
});

const within: { readonly kind: string; readonly after: readonly Point[] }[] = [];
for (const kind of WITHIN_KINDS) within.push({ kind, ...(await actsOf(kind)) });

describe.each(within)('$kind, moved by a machine that sleeps after the commit', ({ kind, after }) => {
  const points = after.slice(
    0,
    after.findIndex(({ name }) => name === 'end finalize'),
  );

  it.each(points)('after $name, while another goes on to the end, changes nothing', async ({ act }) => {
    const world = await CrashWorld.of(kind);
    const { thrown, left, found } = await asleep(world, act, async () => {
      await world.takeUp('resume').catch((error: unknown) => {
        if (failureCode(error) !== 'F348') throw error;
      });
    });
    expectTold(thrown);
    expect(world.program.twice).toEqual([]);
    const [place, ...more] = world.program.running();
    expect(more).toEqual([]);
    expect(place && world.program.count(place)).toBe(world.program.acknowledged);
    expect(found).toEqual(left);
  });
});

const heldMoves: { readonly kind: string; readonly after: readonly Point[] }[] = [];
for (const kind of HELD) heldMoves.push({ kind, ...(await actsOf(`${kind}, held`)) });

describe.each(heldMoves)('$kind, moved by a machine that sleeps after the commit', ({ kind, after }) => {
  // With what follows the last of them the record says that the source is held, and the run is over.
  const points = after.slice(
    0,
    after.findIndex(({ name }) => name === 'end hold'),
  );

  it.each(points)('after $name, while another goes back from the hold, changes nothing', async ({ act }) => {
    const endings: (Ending['kind'] | 'killed')[] = [];
    const world = await CrashWorld.of(`${kind}, held`);
    const { thrown, left, found } = await asleep(world, act, async () => {
      endings.push(await world.takeUp('resume'), await world.takeUp('rollback', undefined, true));
    });
    expect(endings).toEqual(['held', 'led-back']);
    expectTold(thrown);
    expect(world.program.twice).toEqual([]);
    expect(world.program.running()).toEqual(['source']);
    expect(found).toEqual(left);
  });
});
