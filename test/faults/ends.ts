import { expect } from 'vitest';
import { isMigrateError } from '../../src/domain/errors.ts';
import { CrashWorld } from './crash.ts';
import type { Death } from './life.ts';

/** What one undisturbed move does, how it leaves the clusters, and what a `resume` says of it then. */
export type Undisturbed = Awaited<ReturnType<typeof undisturbed>>;

export async function undisturbed(kind: string) {
  const world = await CrashWorld.of(kind);
  const before = world.snapshot();
  const { acts } = await world.begin();
  const after = world.snapshot();
  return { kind, acts, before, after, left: world.leftWithRecords(), goal: await takenUp(world, 'resume') };
}

/** Which of the acts of that move no other one before it in the list does in that step. Pure. */
export function newIn(moves: readonly Undisturbed[], index: number): boolean[] {
  const known = new Set(moves.slice(0, index).flatMap((move) => inSteps(move.acts)));
  return inSteps(moves[index]?.acts ?? []).map((act) => !known.has(act));
}

function inSteps(acts: readonly string[]): string[] {
  let step = '';
  return acts.map((act) => {
    if (act.startsWith('begin ')) step = act;
    return `${step}: ${act}`;
  });
}

/** How a command on the migration ends, or the code with which it says that there is another end, or nothing to be done. */
export async function takenUp(world: CrashWorld, command: 'resume' | 'rollback', death?: Death): Promise<string> {
  try {
    return await world.takeUp(command, death);
  } catch (error) {
    if (!isMigrateError(error) || !['F348', 'F373', 'F374'].includes(error.code)) throw error;
    return error.code;
  }
}

/** Asks for an end of the move, and where that is refused goes on as it is then. */
export async function broughtToEnd(world: CrashWorld, command: 'resume' | 'rollback'): Promise<string> {
  const ending = await takenUp(world, command);
  if (ending !== 'F373') return ending;
  // There is no way back from a commit: whoever asks for it is told, and nothing is changed.
  const allowed = world.hasEnded ? [OF_THE_MOVE_ITSELF, LEFT_AT_ITS_END] : [OF_THE_MOVE_ITSELF];
  expect(world.acts.filter((act) => !allowed.some((one) => one.test(act)))).toEqual([]);
  return takenUp(world, 'resume');
}

/** Locks and records. */
const OF_THE_MOVE_ITSELF = /^(POST|PATCH) (leases|configmaps\/m-test)\b.* in |^write local record$/;
/** What only a death right after the end leaves behind. */
const LEFT_AT_ITS_END = /^DELETE (leases|secrets\/m-test)\b.* in /;

/** The one of the two allowed ends that follows from whether the commit was written. */
export function expectEnd(world: CrashWorld, ending: string, committed: boolean, move: Undisturbed): void {
  const { program } = world;
  expect(program.twice).toEqual([]);
  expect(world.disclosed).toBe(false);
  const place = committed ? 'target' : 'source';
  expect(program.running()).toEqual([place]);
  expect(program.count(place)).toBe(program.acknowledged);
  expect(world.snapshot()).toEqual(committed ? move.after : move.before);
  const left = world.leftWithRecords();
  if (ending !== 'F374') {
    expect(ending).toBe(committed ? move.goal : 'led-back');
    expect(left).toEqual(committed ? move.left : []);
    return;
  }
  // Who died before there was a record may leave the namespace for it, as it is made, and nothing else.
  expect(committed).toBe(false);
  expect(left.filter((object) => !OF_THE_NAMESPACE.test(object))).toEqual([]);
}

const OF_THE_NAMESPACE = /^(Namespace kubectl-migrate|NetworkPolicy helpers) in (east|west)$/;
