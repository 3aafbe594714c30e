import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { newMachine, whenRecorded, wrote } from '../../support/kill.ts';
import type { Context, Ended, Kubectl } from '../../support/kubectl.ts';
import { LAB_FAULTS, type LabFault } from '../../support/lab-faults.ts';
import { redisLoad } from '../../support/load-client.ts';
import { redisWithFiles } from '../../support/redis-with-files.ts';
import { accountForWrites } from '../../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../../support/scenario.ts';

/** How long what lasts goes on. */
const LASTS_MS = 20_000;

/** Parts of a move, by what its record says when they begin. Between freeze and commit nothing is written. */
const PARTS = {
  begin: () => true,
  prepare: wrote('copy', 'intent'),
  freeze: wrote('freeze', 'intent'),
  switch: wrote('commit', 'commit'),
  finalize: wrote('finalize', 'intent'),
};
type Part = keyof typeof PARTS;

const isFull = process.env['FAULTS'] === 'full';
/** `FAULT` and `PART` name one of them, to find out what becomes of it: what the program says is shown then. */
const { FAULT, PART } = process.env;
const SHORT: readonly (readonly [string, Part])[] = [
  ['containerd of the target restarted', 'switch'],
  ['network to the target cut', 'freeze'],
];

const CASES = LAB_FAULTS.flatMap((fault) =>
  (Object.keys(PARTS) as Part[])
    .filter((part) => (fault.only === undefined ? part !== 'begin' : part === fault.only))
    .map((part) => ({ fault, part })),
).filter(({ fault, part }) =>
  FAULT !== undefined || PART !== undefined
    ? fault.name.includes(FAULT ?? '') && (PART ?? part) === part
    : isFull || SHORT.some(([name, when]) => name === fault.name && when === part),
);

const other = (place: Context): Context => (place === 'east' ? 'west' : 'east');

/** A number that a redis makes when it starts: as long as it is the same, its memory is. */
async function runId(kubectl: Kubectl, context: Context, namespace: string): Promise<string> {
  const info = await kubectl.run(context, ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', 'INFO', 'server']);
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
}

async function isThere({ kubectl, namespace }: Scenario, context: Context): Promise<boolean> {
  return (await kubectl.try(context, ['-n', namespace, 'get', 'pod', 'redis'])).code === 0;
}

/** Moves while something happens; yields how the move ended once what happened is over. */
async function struck(
  scene: Scenario,
  from: Context,
  fault: LabFault,
  part: Part,
): Promise<{ ended: Ended; id: string }> {
  const to = other(from);
  const machine = newMachine();
  let striking: Promise<void> | undefined;
  const strike = async (id: string, child?: ChildProcess) => {
    const pause = async (ms: number) => {
      child?.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, ms));
      child?.kill('SIGCONT');
    };
    const undo = await fault.inflict({ scene, id, from, to, pause });
    if (undo === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, LASTS_MS));
    await undo();
  };
  const move = ['pod', 'redis', '--context', from, '--to-context', to, '--to-node', `${to}-2`, '--max-freeze', '10s'];
  const begin = (id: string, child?: ChildProcess) => {
    striking = strike(id, child);
    striking.catch(() => undefined);
  };
  if (part === 'begin') begin('');
  const ended = await scene.migrate([...move, '--yes'], {
    ...(part === 'begin' ? { env: machine.env } : whenRecorded(machine, PARTS[part], begin)),
    ...(FAULT !== undefined && { onStderr: (text) => process.stderr.write(text) }),
  });
  expect(striking, 'the fault struck').toBeDefined();
  await striking;
  return { ended, id: machine.record()?.id ?? '' };
}

/** Yields where the pod is after one command more, and that nothing else is left. */
async function endOf(scene: Scenario, from: Context, id: string, ended: Ended): Promise<Context> {
  const { kubectl, migrate } = scene;
  const contexts = ['--context', from, '--to-context', other(from)];
  if (ended.code !== 0) {
    const resumed = await migrate(['resume', id, ...contexts], { env: newMachine().env });
    // One that led back by itself has left nothing to be resumed.
    expect(resumed.code === 0 || resumed.stderr.includes('F374'), resumed.stderr).toBe(true);
  }
  const places = { east: await isThere(scene, 'east'), west: await isThere(scene, 'west') };
  expect([places.east, places.west].toSorted()).toEqual([false, true]);
  for (const context of ['east', 'west'] as const) {
    const left = await kubectl.run(context, ['-n', 'kubectl-migrate', 'get', 'pods,leases,configmaps', '-o', 'name']);
    const ours = left.split('\n').filter((name) => name.includes(id) || name.includes(`.${scene.namespace}.`));
    expect(ours.filter((name) => name !== `configmap/${id}`)).toEqual([]);
  }
  return places.east ? 'east' : 'west';
}

describe('a move whose clusters fall ill', () => {
  it(
    `is ended by one command, loses no write, and one of the two runs: ${CASES.length} faults`,
    () =>
      scenario({ name: 'lab-faults', rights: THERE_AND_BACK }, async (scene) => {
        const { lab, kubectl, namespace } = scene;
        await redisWithFiles(scene, 8);
        const client = { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' } as const;
        const load = await redisLoad(client, 'redis:6379', '2s');
        await load.going;
        const was = await runId(kubectl, 'east', namespace);
        let place: Context = 'east';
        for (const { fault, part } of CASES) {
          const began = Date.now();
          const { ended, id } = await struck(scene, place, fault, part);
          place = await endOf(scene, place, id, ended);
          const seconds = Math.round((Date.now() - began) / 1000);
          process.stderr.write(`${fault.name}, ${part}: exit ${ended.code}, then in the ${place}, ${seconds} s\n`);
          expect(await runId(kubectl, place, namespace), `${fault.name}, ${part}`).toBe(was);
        }
        const account = await accountForWrites(kubectl, { context: place, namespace, pod: 'redis' }, await load.stop());
        process.stderr.write(`${account.acknowledged} acknowledged, ${account.lost.length} lost\n`);
        expect(account).toMatchObject({ lost: [], twice: [] });
      }),
    CASES.length * 240_000 + 60_000,
  );
});
