import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { type Measured, measure } from '../support/growth.ts';
import { newMachine, whenRecorded } from '../support/kill.ts';
import type { Context } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';

const MOVES = Number(process.env['SOAK_MOVES'] ?? 3);
/** How many of the moves meet a fault. */
const FAULTS = Number(process.env['SOAK_FAULTS'] ?? 1 / 3);
const SEED = Number(process.env['SOAK_SEED'] ?? 1);

/** The same numbers in [0, 1) for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Fault {
  readonly name: string;
  /** What happens when the record has so many lines. */
  readonly strike: Parameters<typeof whenRecorded>[2];
}

function faultsFor({ kubectl }: Scenario, from: Context, to: Context): readonly Fault[] {
  const now = ['--grace-period=0', '--force', '--wait=false'];
  const remove = (context: Context, name: string) =>
    kubectl.try(context, ['-n', 'kubectl-migrate', 'delete', 'pod', name, ...now]);
  return [
    { name: 'plugin killed', strike: (_id, child) => child.kill('SIGKILL') },
    { name: 'interrupted', strike: (_id, child) => child.kill('SIGINT') },
    { name: 'source helper removed', strike: (id) => remove(from, `helper-${id}-source`) },
    { name: 'target helper removed', strike: (id) => remove(to, `helper-${id}-target`) },
  ];
}

describe('a pod that is moved again and again', () => {
  it(
    `loses no acknowledged write and applies none twice, ${MOVES} moves, seed ${SEED}`,
    () =>
      scenario({ name: 'soak', rights: THERE_AND_BACK }, async (scene) => {
        const { lab, kubectl, namespace, migrate } = scene;
        const random = randomFrom(SEED);
        await kubectl.apply('east', [
          pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
          service(namespace, 'redis', 6379),
        ]);
        await kubectl.ready('east', namespace, 'redis');
        const load = await redisLoad({ lab, kubectl, context: 'east', namespace, name: 'client' }, 'redis:6379');
        await load.going;
        const told: string[] = [];
        const measured: Record<Context, Measured[]> = { east: [], west: [] };
        const lines: number[] = [];
        let place: Context = 'east';
        let moved = false;
        for (let move = 1; move <= MOVES; move++) {
          const to: Context = place === 'east' ? 'west' : 'east';
          const contexts = ['--context', place, '--to-context', to];
          const faults = faultsFor(scene, place, to);
          const fault = random() < FAULTS ? faults[Math.floor(random() * faults.length)] : undefined;
          const line = 2 + Math.floor(random() * 14);
          const machine = newMachine();
          const ended = await migrate(
            ['pod', 'redis', ...contexts, '--max-freeze', '5s', '--yes'],
            whenRecorded(
              machine,
              ({ length }) => length >= line,
              (id, child) => fault?.strike(id, child),
            ),
          );
          const id = machine.record()?.id ?? '';
          if (ended.code !== 0) {
            const resumed = await migrate(['resume', id, ...contexts], { env: newMachine().env });
            // One that led back by itself has left nothing to be resumed.
            expect(resumed.code === 0 || resumed.stderr.includes('F374'), `${move}: ${resumed.stderr}`).toBe(true);
          }
          const found = await kubectl.try(to, ['-n', namespace, 'get', 'pod', 'redis']);
          if (found.code === 0) place = to;
          const now = await measure(scene, { context: place, pod: 'redis', program: 'redis-server' });
          // What a pod is before its first move is nothing to compare with.
          moved ||= found.code === 0;
          if (moved) measured[place].push(now);
          if (ended.code === 0 && !fault) lines.push(machine.record()?.lines.length ?? 0);
          told.push(
            `${move}: ${fault ? `${fault.name} at write ${line}` : 'undisturbed'}, exit ${ended.code}, ${place}, ` +
              `${/Down [\d.]+ s/.exec(ended.stdout)?.[0] ?? 'not measured'}, ${lines.at(-1)} lines, ${JSON.stringify(now)}`,
          );
        }
        process.stderr.write(`${told.join('\n')}\n`);
        const summary = await load.stop();
        const account = await accountForWrites(kubectl, { context: place, namespace, pod: 'redis' }, summary);
        process.stderr.write(
          `${account.acknowledged} acknowledged, ${account.lost.length} lost, ${account.twice.length} twice\n`,
        );
        expect(account).toMatchObject({ lost: [], twice: [] });
        for (const each of Object.values(measured))
          expect(new Set(each.map((one) => JSON.stringify(one))).size).toBeLessThan(2);
        expect(new Set(lines).size).toBeLessThan(2);
        const other: Context = place === 'east' ? 'west' : 'east';
        expect((await kubectl.try(other, ['-n', namespace, 'get', 'pod', 'redis'])).code).not.toBe(0);
      }),
    MOVES * 120_000,
  );
});
