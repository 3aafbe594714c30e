import { expect, vi } from 'vitest';
import { newMachine, whenRecorded, wrote } from './kill.ts';
import type { Context, Ended, ProcessOptions } from './kubectl.ts';
import type { LabFault } from './lab-faults.ts';
import type { Scenario } from './scenario.ts';

/** Parts of a move, by what its record says when they begin. Between freeze and commit nothing is written. */
export const PARTS = {
  begin: 'begin',
  place: wrote('placeholder', 'intent'),
  prepare: wrote('copy', 'intent'),
  freeze: wrote('freeze', 'intent'),
  switch: wrote('commit', 'commit'),
  finalize: wrote('finalize', 'intent'),
} satisfies Record<string, Strike['when']>;
export type Part = keyof typeof PARTS;

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

/** How a move ended. `struck`: the fault came before that. `lines`: of its record. */
export interface StruckEnd {
  readonly ended: Ended;
  readonly id: string;
  readonly struck: boolean;
  readonly lines: number;
}

export const other = (place: Context): Context => (place === 'east' ? 'west' : 'east');

/** Moves a pod to the second node of the other cluster while something happens; ends once what happened is over. */
export async function struckMove(scene: Scenario, move: StruckMove): Promise<StruckEnd> {
  const { pod, from, flags, strike, onStderr } = move;
  const to = other(from);
  const machine = newMachine();
  let child: Parameters<NonNullable<ProcessOptions['onStart']>>[0] | undefined;
  let striking: Promise<void> | undefined;
  const begin = (id: string) => {
    if (!strike) return;
    const signal = (name: NodeJS.Signals) => child?.kill(name);
    striking = inflict(strike, { scene, pod, id, from, to, signal });
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
  const struck = striking !== undefined;
  await striking;
  const record = machine.record();
  return { ended, id: record?.id ?? '', struck, lines: record?.lines.length ?? 0 };
}

async function inflict({ fault, afterMs = 0, lastsMs }: Strike, move: Parameters<LabFault['inflict']>[0]) {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(afterMs);
  const undo = await fault.inflict(move);
  if (undo === undefined) return;
  await pause(Math.min(lastsMs, fault.atMostMs ?? lastsMs));
  await undo();
}

/** For what has just been down: until it answers. */
const SOON = { timeout: 60_000, interval: 500 };

/** Yields where the pod is after at most one command more, given from another machine, and that nothing else is left. */
export async function endOf(
  scene: Scenario,
  {
    pod,
    from,
    id,
    ended,
  }: { readonly pod: string; readonly from: Context; readonly id: string; readonly ended: Ended },
): Promise<Context> {
  const { kubectl, migrate, namespace } = scene;
  if (ended.code !== 0) {
    const contexts = ['--context', from, '--to-context', other(from)];
    const resumed = await migrate(['resume', id, ...contexts], { env: newMachine().env });
    // One that led back by itself has left nothing to be resumed.
    expect(resumed.code === 0 || resumed.stderr.includes('F374'), resumed.stderr).toBe(true);
  }
  const find = ['-n', namespace, 'get', 'pod', pod, '--ignore-not-found', '-o', 'name'];
  const [east, west] = await Promise.all(
    (['east', 'west'] as const).map((context) => vi.waitFor(() => kubectl.run(context, find), SOON)),
  );
  expect([east, west].map((found) => found !== '').toSorted()).toEqual([false, true]);
  const left = await leftOf(scene, { id, pod });
  expect(left.filter((name) => !name.endsWith(` configmap/${id}`))).toEqual([]);
  return east !== '' ? 'east' : 'west';
}

/** Names of what is left of the move of a pod in the namespace for helpers, such as `east lease/NAME`. */
export async function leftOf(
  { kubectl, namespace }: Scenario,
  { id, pod }: { readonly id: string; readonly pod: string },
): Promise<string[]> {
  const all = ['-n', 'kubectl-migrate', 'get', 'pods,leases,configmaps', '-o', 'name'];
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
