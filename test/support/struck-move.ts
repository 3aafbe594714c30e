import { expect, vi } from 'vitest';
import { EXIT } from '../../src/domain/errors.ts';
import { newMachine, whenRecorded, wrote } from './kill.ts';
import { type Child, type Context, type Ended, KILLED, type ProcessOptions } from './kubectl.ts';
import type { End, LabFault } from './lab-faults.ts';
import type { Scenario } from './scenario.ts';

/**
 * Parts of a move, by what its record says when they begin. Between freeze and commit nothing is written, and what begins
 * after the commit is written with its end: the last part begins with the end of the step before it, and goes on until
 * kubelet has ended the source pod.
 */
export const PARTS = {
  begin: 'begin',
  prepare: wrote('copy', 'intent'),
  freeze: wrote('freeze', 'intent'),
  switch: wrote('commit', 'commit'),
  finalize: wrote('take-in', 'done'),
} satisfies Record<string, Strike['when']>;
export type Part = keyof typeof PARTS;

/** Parts in which there is no way but forward. */
export const AFTER_COMMIT: readonly Part[] = ['switch', 'finalize'];

/** When a fault strikes, and how long it goes on if it lasts, in ms. */
export interface Strike {
  readonly fault: LabFault;
  /** What the record says then; `begin`: at once, before there is one. */
  readonly when: 'begin' | ((lines: readonly string[]) => boolean);
  /** So much later, in ms. */
  readonly afterMs?: number;
  readonly lastsMs: number;
}

export interface StruckMove {
  readonly pod: string;
  readonly from: Context;
  readonly flags: readonly string[];
  readonly strike?: Strike | undefined;
  readonly onStderr?: ProcessOptions['onStderr'];
}

/** How a move ended. */
export interface StruckEnd {
  readonly ended: Ended;
  readonly id: string;
  /** The fault was there while the program still ran; what came later struck nothing. */
  readonly struck: boolean;
  /** The program ran until what lasted was undone. */
  readonly outlasted: boolean;
  /** Of its record. */
  readonly lines: number;
}

export const other = (place: Context): Context => (place === 'east' ? 'west' : 'east');

/** Moves a pod to the second node of the other cluster while something happens; ends once what happened is over. */
export async function struckMove(scene: Scenario, move: StruckMove): Promise<StruckEnd> {
  const { pod, from, flags, strike, onStderr } = move;
  const to = other(from);
  const machine = newMachine();
  let child: Child | undefined;
  const isOver = () => child === undefined || child.exitCode !== null || child.signalCode !== null;
  let striking: Promise<Impact> | undefined;
  const begin = (id: string) => {
    if (!strike) return;
    const signal = (name: NodeJS.Signals) => child?.kill(name);
    striking = inflict(strike, { scene, pod, id, from, to, signal, isOver });
    striking.catch(() => undefined);
  };
  const when = strike?.when ?? (() => false);
  const watching: ProcessOptions = when === 'begin' ? { env: machine.env } : whenRecorded(machine, when, begin);
  const words = ['pod', pod, '--context', from, '--to-context', to, '--to-node', `${to}-2`, ...flags, '--yes'];
  const ended = await scene.migrate(words, {
    ...watching,
    onStart: (started) => {
      child = started;
      watching.onStart?.(started);
      if (when === 'begin') begin('');
    },
    ...(onStderr && { onStderr }),
  });
  const { struck, outlasted } = (await striking) ?? TOO_LATE;
  const record = machine.record();
  return { ended, id: record?.id ?? '', struck, outlasted, lines: record?.lines.length ?? 0 };
}

type Impact = Pick<StruckEnd, 'struck' | 'outlasted'>;

const TOO_LATE: Impact = { struck: false, outlasted: false };

async function inflict(
  { fault, afterMs = 0, lastsMs }: Strike,
  move: Parameters<LabFault['inflict']>[0],
): Promise<Impact> {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(afterMs);
  if (move.isOver()) return TOO_LATE;
  const undo = await fault.inflict(move).catch((error: unknown) => {
    // What it was to strike may be gone with the move.
    if (!move.isOver()) throw error;
  });
  const struck = !move.isOver();
  if (undo === undefined) return { struck, outlasted: false };
  if (!fault.throughout) await pause(Math.min(lastsMs, fault.atMostMs ?? lastsMs));
  while (fault.throughout && !move.isOver()) await pause(100);
  const outlasted = !move.isOver();
  await undo();
  return { struck, outlasted };
}

/**
 * Expects that a move which a fault struck came to one of the ends that the fault leads to in that part. Where nothing is said of
 * that several are right.
 */
export function expectEnd(fault: LabFault, part: Part | undefined, { ended, outlasted }: StruckEnd): void {
  const ends = part === undefined ? undefined : fault.ends?.[part];
  if (ends === undefined) return;
  const isMet = ({ code, says, outlasts }: End) =>
    code === ended.code && (says?.test(ended.stderr) ?? true) && (outlasts === undefined || outlasted);
  expect(ends.some(isMet), `${fault.name}, ${part}: exit ${ended.code}\n${ended.stderr}`).toBe(true);
}

/** Expects a pod to be where the exit code says: in the target once the move is committed, and else where it was. */
export function expectPlace(part: Part | undefined, { ended: { code, stderr } }: StruckEnd, stayed: boolean): void {
  const isCommitted = code === EXIT.done || (part !== undefined && AFTER_COMMIT.includes(part));
  // Killed somewhere, or with a commit of which nobody knows, it may be on either side.
  const isUnknown = code === EXIT.midway || (code === KILLED && part === undefined);
  if (isCommitted || !isUnknown) expect(stayed, `exit ${code}\n${stderr}`).toBe(!isCommitted);
}

/** For what has just been down: until it answers. */
const SOON = { timeout: 60_000, interval: 500 };

/** What a move is known by once it has ended. */
interface EndedMove {
  readonly from: Context;
  readonly id: string;
  readonly ended: Ended;
}

/** Brings a move to its end with at most one command more, given from another machine. */
export async function resumed({ migrate }: Scenario, { from, id, ended }: EndedMove): Promise<void> {
  if (ended.code === 0) return;
  const contexts = ['--context', from, '--to-context', other(from)];
  const { code, stderr } = await migrate(['resume', id, ...contexts], { env: newMachine().env });
  // One that led back by itself has left nothing to be resumed.
  expect(code === 0 || stderr.includes('F374'), stderr).toBe(true);
}

/** Yields where the pod is after at most one command more, given from another machine, and that nothing else is left. */
export async function endOf(scene: Scenario, { pod, ...move }: EndedMove & { readonly pod: string }): Promise<Context> {
  const { kubectl, namespace } = scene;
  await resumed(scene, move);
  const find = ['-n', namespace, 'get', 'pod', pod, '--ignore-not-found', '-o', 'name'];
  const [east, west] = await Promise.all(
    (['east', 'west'] as const).map((context) => vi.waitFor(() => kubectl.run(context, find), SOON)),
  );
  expect([east, west].map((found) => found !== '').toSorted()).toEqual([false, true]);
  await expectOnlyRecord(scene, { id: move.id, pod });
  return east !== '' ? 'east' : 'west';
}

/** Expects that nothing is left of the move of a pod in the namespace for helpers but its record. */
export async function expectOnlyRecord(scene: Scenario, move: Parameters<typeof leftOf>[1]): Promise<void> {
  const left = await leftOf(scene, move);
  expect(left.filter((name) => !name.endsWith(` configmap/${move.id}`))).toEqual([]);
}

const KINDS_LEFT = 'pods,leases,configmaps,secrets,networkpolicies';

/** Names of what is left of the move of a pod in the namespace for helpers, such as `east lease/NAME`. */
export async function leftOf(
  { kubectl, namespace }: Scenario,
  { id, pod }: { readonly id: string; readonly pod: string },
): Promise<string[]> {
  const all = ['-n', 'kubectl-migrate', 'get', KINDS_LEFT, '-o', 'name'];
  const left = await Promise.all(
    (['east', 'west'] as const).map(async (context) => {
      const names = (await kubectl.run(context, all)).split('\n');
      return names
        .filter((name) => name.includes(id) || name.endsWith(`.${namespace}.${pod}`))
        .map((name) => `${context} ${name}`);
    }),
  );
  return left.flat();
}
