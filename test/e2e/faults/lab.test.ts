import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import type { Context } from '../../support/kubectl.ts';
import { ALL_FAULTS } from '../../support/lab-faults.ts';
import { redisLoad } from '../../support/load-client.ts';
import { redisWithFiles } from '../../support/redis.ts';
import { accountForWrites, expectMoreWrites, redisRunId } from '../../support/redis-writes.ts';
import { scenario, THERE_AND_BACK } from '../../support/scenario.ts';
import { endOf, expectEnd, expectPlace, PARTS, type Part, struckMove } from '../../support/struck-move.ts';

/** How long what lasts goes on. */
const LASTS_MS = 20_000;

const isFull = process.env['FAULTS'] === 'full';
/** `FAULT` and `PART` name one of them, to find out what becomes of it: what the program says is shown then. */
const { FAULT, PART } = process.env;
const SHORT: readonly (readonly [string, Part])[] = [
  ['containerd of the target restarted', 'switch'],
  ['network to the target cut', 'freeze'],
];

/** Where what can strike at any point does so. */
const ANY_POINT: readonly Part[] = ['prepare', 'freeze', 'switch', 'finalize'];

const CASES = ALL_FAULTS.flatMap((fault) => (fault.only ?? ANY_POINT).map((part) => ({ fault, part }))).filter(
  ({ fault, part }) =>
    FAULT !== undefined || PART !== undefined
      ? fault.name.includes(FAULT ?? '') && (PART ?? part) === part
      : isFull || SHORT.some(([name, when]) => name === fault.name && when === part),
);

/** The long form tells of each fault by itself; a few are one scenario. */
const SCENARIOS = isFull
  ? [...Map.groupBy(CASES, ({ fault }) => fault.name)].map(([name, cases]) => ({ name, cases }))
  : [{ name: `${CASES.length} faults`, cases: CASES }];

/** For a kubelet that was restarted: until it knows its pods. */
const SOON = { timeout: 60_000, interval: 500 };

describe('a move whose clusters fall ill is ended by one command, loses no write, and one of the two runs', () => {
  for (const { name, cases } of SCENARIOS)
    it(
      name,
      () =>
        scenario({ name: 'lab-faults', rights: THERE_AND_BACK }, async (scene) => {
          const { lab, kubectl, namespace } = scene;
          const runId = (context: Context) =>
            vi.waitFor(() => redisRunId(kubectl, { context, namespace, pod: 'redis' }), SOON);
          await redisWithFiles(scene, 8);
          const client = { lab, kubectl, context: 'east', namespace, name: 'client', node: 'east-1' } as const;
          const load = await redisLoad(client, 'redis:6379', '2s');
          await load.going;
          const was = await runId('east');
          let place: Context = 'east';
          for (const { fault, part } of cases) {
            const began = Date.now();
            const move = { pod: 'redis', from: place, flags: ['--max-freeze', '10s'] };
            const end = await struckMove(scene, {
              ...move,
              strike: { fault, when: PARTS[part], lastsMs: LASTS_MS },
              ...(FAULT !== undefined && { onStderr: (text) => process.stderr.write(text) }),
            });
            const { ended, id, struck } = end;
            expect(struck, `${fault.name}, ${part}: it struck`).toBe(true);
            place = await endOf(scene, { ...move, id, ended });
            const seconds = Math.round((Date.now() - began) / 1000);
            process.stderr.write(`${fault.name}, ${part}: exit ${ended.code}, then in the ${place}, ${seconds} s\n`);
            expectEnd(fault, part, end);
            expectPlace(part, end, place === move.from);
            expect(await runId(place), `${fault.name}, ${part}`).toBe(was);
            await expectMoreWrites(kubectl, { context: place, namespace, pod: 'redis' });
            await kubectl.ready(place, namespace, 'redis');
          }
          const there = { context: place, namespace, pod: 'redis' };
          const account = await accountForWrites(kubectl, there, await load.stop());
          process.stderr.write(`${name}: ${account.acknowledged} acknowledged, ${account.lost.length} lost\n`);
          expect(account.acknowledged).toBeGreaterThan(0);
          expect(account).toMatchObject({ lost: [], twice: [] });
        }),
      cases.length * 240_000 + 60_000,
    );
});
