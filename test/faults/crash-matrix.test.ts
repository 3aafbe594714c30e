import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { STEPS } from '../../src/steps/index.ts';
import type { Step } from '../../src/steps/step.ts';
import { CrashWorld } from './crash.ts';
import { broughtToEnd, expectEnd, newIn, type Undisturbed, undisturbed } from './ends.ts';
import type { Death } from './life.ts';
import { MOVES, WITH_HELPERS_PLACE } from './moves.ts';

interface Point {
  readonly point: string;
  readonly act: number;
  readonly when: Death['when'];
  readonly command: 'resume' | 'rollback';
  /** Time between the death and the command. */
  readonly laterMs: number;
}

/** Long enough that the source’s helper has let it go on by itself. */
const LATER_MS = 120_000;
/**
 * `FAULTS=full` (`npm run faults`): the whole product. Without it each point of the first move once, and of every other
 * one those that none before it has, with one of the two commands: before an act is after the one before it, only a
 * frozen source changes with time, and both commands lead back the same way.
 */
const FULL = process.env['FAULTS'] === 'full';

const moves: Undisturbed[] = [];
for (const kind of Object.keys(MOVES)) moves.push(await undisturbed(kind));

/** Every place in a run where the plugin can die, with what is done about it, made from what an undisturbed run does. */
function pointsOf(acts: readonly string[], index: number): Point[] {
  const frozen = (index: number) => index >= acts.indexOf('begin freeze') && index <= acts.indexOf('end commit') + 1;
  const all = acts.flatMap((name, index) =>
    (['after', 'before'] as const).flatMap((when) =>
      (['resume', 'rollback'] as const).flatMap((command) =>
        [0, LATER_MS].map((laterMs) => ({
          point: `${when} ${index + 1}, ${name}`,
          act: index + 1,
          when,
          command,
          laterMs,
        })),
      ),
    ),
  );
  if (FULL) return all;
  const isNew = newIn(moves, index);
  return all.filter(({ act, when, command, laterMs }) => {
    const chosen = act % 2 === 0 ? 'resume' : 'rollback';
    return isNew[act - 1] && when === 'after' && command === chosen && (laterMs === 0 || frozen(act - 1));
  });
}

/** Kills the plugin at one point, lets somebody else bring the move to an end, and says how that went. */
async function endOf(kind: string, death: Death, command: 'resume' | 'rollback', laterMs: number) {
  const world = await CrashWorld.of(kind);
  const killed = await world.begin(death);
  expect(killed.dead).toBe(true);
  await world.wait(laterMs);
  const committed = world.isCommitted;
  const ending = await broughtToEnd(world, command);
  await world.wait(1000);
  return { world, ending, committed };
}

describe('the moves that are killed', () => {
  it('pass every step of the list, all together', () => {
    const passed = new Set(moves.flatMap(({ acts }) => acts));
    for (const { name } of STEPS) for (const end of ['begin', 'end']) expect(passed).toContain(`${end} ${name}`);
  });
});

describe.each(moves.map((move, index) => ({ ...move, move, index })))(
  '$kind, moved by a plugin that is killed',
  ({ kind, acts, after, left, goal, move, index }) => {
    it('leaves a record in each cluster, and nothing else beside it but what a held source is let go with', () => {
      const places = ['east', 'west'].slice(0, after.clusters.length);
      const records = ['Namespace kubectl-migrate', 'NetworkPolicy helpers', 'ConfigMap m-test'];
      const wanted = places.flatMap((place) => records.map((object) => `${object} in ${place}`));
      const own = kind === WITH_HELPERS_PLACE ? wanted.filter((object) => object.startsWith('ConfigMap')) : wanted;
      const ofHold = /^(Lease pod\.shop\.[\w.-]+|Secret m-test) in (east|west)$/;
      const found = goal === 'held' ? left.filter((object) => !ofHold.test(object)) : left;
      expect(found.toSorted()).toEqual(own.toSorted());
    });

    it('passes every step that all moves have, and every write to the journal', () => {
      // Those after a hold are for whoever ends it.
      const isLater = (step: Step) => goal === 'held' && step.phase === 'finalize';
      const steps = STEPS.filter((step) => step.applies === undefined && !isLater(step));
      for (const { name } of steps) for (const end of ['begin', 'end']) expect(acts).toContain(`${end} ${name}`);
      for (const place of [...after.clusters.keys()].map((index) => ['east', 'west'][index]))
        expect(acts).toContain(`PATCH configmaps/m-test in ${place}`);
      expect(acts).toContain('write local record');
    });

    it.each(pointsOf(acts, index))(
      '$point, then $command $laterMs ms later',
      async ({ act, when, command, laterMs }) => {
        const { world, ending, committed } = await endOf(kind, { act, when }, command, laterMs);
        expectEnd(world, ending, committed, move);
      },
    );
  },
);
