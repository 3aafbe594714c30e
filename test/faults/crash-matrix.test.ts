import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { isMigrateError } from '../../src/domain/errors.ts';
import { STEPS } from '../../src/steps/index.ts';
import { settle } from '../fakes/fake-clock.ts';
import { CrashWorld, KINDS } from './crash.ts';
import type { Death } from './life.ts';

/** What one undisturbed move does, and how it leaves the clusters. */
async function undisturbed(kind: string) {
  const world = new CrashWorld(kind);
  await settle();
  const before = world.snapshot();
  const { acts } = await world.begin();
  return { kind, acts, before, after: world.snapshot() };
}

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
 * `FAULTS=full` (`npm run faults`): the whole product. Without it each point once, with one of the two commands: before
 * an act is after the one before it, only a frozen source changes with time, and both commands lead back the same way.
 */
const FULL = process.env['FAULTS'] === 'full';

const moves: Awaited<ReturnType<typeof undisturbed>>[] = [];
for (const kind of Object.keys(KINDS).slice(0, FULL ? undefined : 1)) moves.push(await undisturbed(kind));

/** Every place in a run where the plugin can die, with what is done about it, made from what an undisturbed run does. */
function pointsOf(acts: readonly string[]): Point[] {
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
  return all.filter(({ act, when, command, laterMs }) => {
    const chosen = act % 2 === 0 ? 'resume' : 'rollback';
    return when === 'after' && command === chosen && (laterMs === 0 || frozen(act - 1));
  });
}

/** Kills the plugin at one point, lets somebody else bring the move to an end, and says how that went. */
async function endOf(kind: string, death: Death, command: 'resume' | 'rollback', laterMs: number) {
  const world = new CrashWorld(kind);
  const killed = await world.begin(death);
  expect(killed.dead).toBe(true);
  await world.wait(laterMs);
  let ending = await ended(world, command);
  // There is no way back from a commit: whoever asks for it is told, and nothing is changed.
  if (ending === 'F373') ending = await ended(world, 'resume');
  await world.wait(1000);
  return { world, ending };
}

async function ended(world: CrashWorld, command: 'resume' | 'rollback'): Promise<string> {
  try {
    return await world.takeUp(command);
  } catch (error) {
    if (!isMigrateError(error) || !['F373', 'F374'].includes(error.code)) throw error;
    return error.code;
  }
}

/** A plugin that died before there was a record may leave the namespace for records and helpers, and nothing else. */
function withoutNamespace({ east, west }: ReturnType<CrashWorld['snapshot']>) {
  const isNamespace = (object: unknown) => /^{"apiVersion":"v1","kind":"Namespace"/.test(JSON.stringify(object));
  return { east: east.filter((object) => !isNamespace(object)), west: west.filter((object) => !isNamespace(object)) };
}

describe.each(moves)('$kind, moved by a plugin that is killed', ({ kind, acts, before, after }) => {
  it('passes every step of the list, and every write to the journal', () => {
    const steps = STEPS.filter(({ applies }) => applies === undefined);
    for (const { name } of steps) for (const end of ['begin', 'end']) expect(acts).toContain(`${end} ${name}`);
    for (const place of ['PATCH configmaps/m-test in east', 'PATCH configmaps/m-test in west', 'write local record'])
      expect(acts).toContain(place);
  });

  it.each(pointsOf(acts))('$point, then $command $laterMs ms later', async ({ act, when, command, laterMs }) => {
    const { world, ending } = await endOf(kind, { act, when }, command, laterMs);
    const { program } = world;
    expect(program.twice).toEqual([]);
    const [place, ...more] = program.running();
    expect(more).toEqual([]);
    if (ending === 'F374') {
      expect(place).toBe('source');
      expect(withoutNamespace(world.snapshot())).toEqual(withoutNamespace(before));
    } else {
      expect(ending).toBe(place === 'target' ? 'moved' : 'led-back');
      expect(world.snapshot()).toEqual(place === 'target' ? after : before);
    }
    expect(place && program.count(place)).toBe(program.acknowledged);
  });
});
