import process from 'node:process';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../support/kubectl.ts';
import { LAB_FAULTS } from '../../support/lab-faults.ts';
import { redisLoad } from '../../support/load-client.ts';
import { redisWithFiles } from '../../support/redis.ts';
import { accountForWrites, redisRunId } from '../../support/redis-writes.ts';
import { scenario, THERE_AND_BACK } from '../../support/scenario.ts';
import { endOf, PARTS, type Part, struckMove } from '../../support/struck-move.ts';

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

const CASES = LAB_FAULTS.flatMap((fault) =>
  (fault.only === undefined ? ANY_POINT : [fault.only]).map((part) => ({ fault, part })),
).filter(({ fault, part }) =>
  FAULT !== undefined || PART !== undefined
    ? fault.name.includes(FAULT ?? '') && (PART ?? part) === part
    : isFull || SHORT.some(([name, when]) => name === fault.name && when === part),
);

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
        const was = await redisRunId(kubectl, { context: 'east', namespace, pod: 'redis' });
        let place: Context = 'east';
        for (const { fault, part } of CASES) {
          const began = Date.now();
          const move = { pod: 'redis', from: place, flags: ['--max-freeze', '10s'] };
          const { ended, id, struck } = await struckMove(scene, {
            ...move,
            strike: { fault, when: PARTS[part], lastsMs: LASTS_MS },
            ...(FAULT !== undefined && { onStderr: (text) => process.stderr.write(text) }),
          });
          expect(struck, 'the fault struck').toBe(true);
          place = await endOf(scene, { ...move, id, ended });
          const seconds = Math.round((Date.now() - began) / 1000);
          process.stderr.write(`${fault.name}, ${part}: exit ${ended.code}, then in the ${place}, ${seconds} s\n`);
          const now = await redisRunId(kubectl, { context: place, namespace, pod: 'redis' });
          expect(now, `${fault.name}, ${part}`).toBe(was);
        }
        const account = await accountForWrites(kubectl, { context: place, namespace, pod: 'redis' }, await load.stop());
        process.stderr.write(`${account.acknowledged} acknowledged, ${account.lost.length} lost\n`);
        expect(account).toMatchObject({ lost: [], twice: [] });
      }),
    CASES.length * 240_000 + 60_000,
  );
});
