import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import { measure } from '../support/growth.ts';
import type { Context } from '../support/kubectl.ts';
import { ALL_FAULTS, FAULTS_BESIDE_OTHERS, type LabFault } from '../support/lab-faults.ts';
import { collector, redisLoad, witness } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { postgresUnderLoad } from '../support/postgres-writes.ts';
import { accountForWrites, expectMoreWrites, redisRunId } from '../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../support/scenario.ts';
import { changes, type Snapshot, takeSnapshot, unexpected } from '../support/snapshot.ts';
import { endOf, expectEnd, expectPlace, PARTS, type Part, type Strike, struckMove } from '../support/struck-move.ts';

const MOVES = Number(process.env['SOAK_MOVES'] ?? 3);
/** How many of the moves meet a fault. */
const FAULTS = Number(process.env['SOAK_FAULTS'] ?? 1 / 3);
const SEED = Number(process.env['SOAK_SEED'] ?? 46);
/** What falls ill below a move harms every other scenario on the lab. */
const KINDS = (process.env['SOAK_ALONE'] === undefined ? FAULTS_BESIDE_OTHERS : ALL_FAULTS).filter(
  ({ notInSoak }) => notInSoak !== true,
);
/** The first write to a record after which a fault strikes, and the last: later ones the move may have ended. */
const [FIRST_WRITE, LAST_WRITE] = [2, 11];
/** How long what lasts goes on, in ms. */
const LASTS_MS = 5_000;
const PORT = 7000;

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

const PROGRAMS = { redis: 'redis-server', db: 'postgres' } as const;
type Moved = keyof typeof PROGRAMS;

/** Deals every card once before any comes again, each time in another order. */
function deckOf<Card>(cards: readonly Card[], random: () => number): () => Card | undefined {
  let left: Card[] = [];
  return () => {
    if (left.length === 0) left = [...cards];
    return left.splice(Math.floor(random() * left.length), 1)[0];
  };
}

/** What is to happen in a move, in words as well. */
interface Intent {
  readonly name: Moved;
  readonly strike: Strike | undefined;
  readonly part: Part | undefined;
  readonly words: string;
}

/** Every third move is the database's; those numbers are drawn each time, so that each move has its own. */
function intentOf(move: number, random: () => number, deal: () => LabFault | undefined): Intent {
  const [isStruck, line, afterMs] = [random() < FAULTS, random(), random()];
  const name = move % 3 === 2 ? 'db' : 'redis';
  const fault = isStruck ? deal() : undefined;
  if (!fault) return { name, strike: undefined, part: undefined, words: 'undisturbed' };
  const part = fault.only?.[0];
  if (part !== undefined) {
    const strike = { fault, when: PARTS[part], lastsMs: LASTS_MS };
    return { name, strike, part, words: `${fault.name} at ${part}` };
  }
  const writes = FIRST_WRITE + Math.floor(line * (LAST_WRITE - FIRST_WRITE + 1));
  const when = ({ length }: readonly string[]) => length >= writes;
  const strike = { fault, when, afterMs: Math.floor(afterMs * 200), lastsMs: LASTS_MS };
  return { name, strike, part, words: `${fault.name} ${strike.afterMs} ms after write ${writes}` };
}

/**
 * A redis with a witness beside it, which tells a collector that does not move; who writes to the redis; and for a moment
 * two witnesses of one name, so that it shows whether the collector notices two copies.
 */
async function redisUnderWatch(scene: Scenario) {
  const { lab, namespace, kubectl } = scene;
  const client = { lab, kubectl, context: 'east', namespace, node: 'east-1' } as const;
  const collected = await collector({ ...client, name: 'collector' }, PORT);
  const { status } = await kubectl.json<{ status: { podIP: string } }>('east', ['-n', namespace, 'pod', 'collector']);
  // Of all addresses only a pod's is the same in both clusters.
  const address = `${status.podIP}:${PORT}`;
  const twins = { containers: ['one', 'two'].map((name) => witness(lab, name, address, 'twin')) };
  const main = {
    name: 'main',
    image: imageOf(lab, 'redis'),
    readinessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 1 },
  };
  await kubectl.apply('east', [
    pod({ namespace, name: 'twins', image: '', node: 'east-1', spec: twins }),
    pod({
      namespace,
      name: 'redis',
      image: '',
      node: 'east-2',
      spec: { containers: [main, witness(lab, 'witness', address)] },
    }),
    service(namespace, 'redis', 6379),
  ]);
  const [load] = await Promise.all([
    redisLoad({ ...client, name: 'client' }, 'redis:6379'),
    ...['twins', 'redis'].map((name) => kubectl.ready('east', namespace, name)),
  ]);
  await Promise.all([load.going, collected.going]);
  await kubectl.run('east', ['-n', namespace, 'delete', 'pod', 'twins', '--wait=false']);
  return { load, collected };
}

/** What one thing was each time that it was looked at, by what it is. */
class Same {
  readonly #values: Record<string, Set<string>> = {};

  note(what: string, value: unknown): void {
    this.#values[what] ??= new Set();
    this.#values[what].add(JSON.stringify(value));
  }

  expectNoChange(): void {
    for (const [what, values] of Object.entries(this.#values)) expect.soft([...values], what).toHaveLength(1);
  }
}

/** Where the pods are and how they are reached; the twins, which are still there at first; and the account of the program is made anew when its token has expired. */
const OF_THE_MOVES = [
  'east Pod/twins gone',
  /^(east|west) (Pod|Endpoints|EndpointSlice)\/(redis|db)\b/,
  /^(east|west) Service\/(redis|db) (metadata\.annotations\[kubectl-migrate\.io\/|spec\.selector)/,
  /^west Service\/(redis|db) made$/,
  /^(east|west) ServiceAccount\/mover metadata\.(uid|creationTimestamp)/,
];

/** Names in the namespace for helpers that are new and have to do with these migrations, but for their records. */
function leftBy(ids: readonly string[], before: Snapshot, after: Snapshot): string[] {
  const made = [...after.keys()].filter((name) => !before.has(name));
  return made.filter((name) => ids.some((id) => name.includes(id) && !name.endsWith(` ConfigMap/${id}`)));
}

const tell = (words: string) => process.stderr.write(`${words}\n`);

describe('pods that are moved again and again', () => {
  it(
    `lose no acknowledged write, apply none twice and run once, ${MOVES} moves, seed ${SEED}`,
    () =>
      scenario({ name: 'soak', rights: THERE_AND_BACK }, async (scene) => {
        const { kubectl, namespace } = scene;
        const random = randomFrom(SEED);
        // Its own numbers, so that the rest is the same whatever faults there are.
        const deal = deckOf(KINDS, randomFrom(SEED + 1));
        const [{ load, collected }, postgres] = await Promise.all([redisUnderWatch(scene), postgresUnderLoad(scene)]);
        const redisIn = (context: Context) => ({ context, namespace, pod: 'redis' });
        const was = { redis: await redisRunId(kubectl, redisIn('east')), db: await postgres.startedAt('east') };
        const look = () => Promise.all([takeSnapshot(kubectl, namespace), takeSnapshot(kubectl, 'kubectl-migrate')]);
        const [before, systemBefore] = await look();
        const places: Record<Moved, Context> = { redis: 'east', db: 'east' };
        const moved = new Set<Moved>();
        const same = new Same();
        const ids: string[] = [];
        const met: string[] = [];
        const more = {
          redis: (context: Context) => expectMoreWrites(kubectl, redisIn(context)),
          db: (context: Context) => postgres.expectMoreRows(context),
        };
        for (let move = 1; move <= MOVES; move++) {
          const { name, strike, part, words } = intentOf(move, random, deal);
          const from = places[name];
          const flags = ['--max-freeze', '5s'];
          const end = await struckMove(scene, { pod: name, from, flags, strike });
          const { ended, id, struck, lines } = end;
          ids.push(id);
          if (struck) met.push(strike?.fault.name ?? '');
          // A fault that came when it was over is none.
          else expect(ended.code, `${move}: ${words}\n${ended.stderr}`).toBe(0);
          const place = await endOf(scene, { pod: name, from, id, ended });
          places[name] = place;
          if (strike && struck) {
            expectEnd(strike.fault, part, end);
            expectPlace(part, end, place === from);
          }
          if (place !== from) moved.add(name);
          const seen = { context: place, pod: name, program: PROGRAMS[name] };
          const { objects, ...now } = await vi.waitFor(() => measure(scene, seen), { timeout: 60_000, interval: 500 });
          // What there is before a first move is nothing to compare with.
          if (moved.has(name)) same.note(name, now);
          if (moved.size === 2) same.note('objects', objects);
          if (ended.code === 0 && !strike) same.note(`record of ${name}`, lines);
          if (ended.code !== 0) tell(ended.stderr.slice(ended.stderr.lastIndexOf('\nerror ') + 1));
          const late = strike && !struck ? ' (it came too late)' : '';
          const down = /Down [\d.]+ s/.exec(ended.stdout)?.[0] ?? 'not measured';
          tell(
            `${move}: ${name}, ${words}${late}, exit ${ended.code}, then in the ${place}, ${down}, ${lines} lines, ` +
              `${objects} objects, ${JSON.stringify(now)}`,
          );
          await more[name](place);
          await kubectl.ready(place, namespace, name);
        }
        tell(`${met.length} of ${MOVES} moves met a fault, of ${new Set(met).size} kinds of ${KINDS.length}`);
        const [after, systemAfter] = await look();
        const [summary, rows, { witnesses, refused }] = await Promise.all([
          load.stop(),
          postgres.account(places.db),
          collected.stop(),
        ]);
        const writes = await accountForWrites(kubectl, redisIn(places.redis), summary);
        for (const [who, { acknowledged, lost, twice }] of Object.entries({ redis: writes, PostgreSQL: rows }))
          tell(`${who}: ${acknowledged} acknowledged, ${lost.length} lost, ${twice.length} twice`);
        for (const { boot, received, repeated, longestGapMs } of witnesses)
          tell(`witness ${boot}: ${received} counts, ${repeated.length} repeated, gap ${Math.round(longestGapMs)} ms`);
        for (const { acknowledged } of [writes, rows]) expect.soft(acknowledged).toBeGreaterThan(0);
        expect.soft(writes).toMatchObject({ lost: [], twice: [] });
        expect.soft(rows).toMatchObject({ lost: [], twice: [] });
        const [twin, ...others] = witnesses.toSorted((one) => (one.boot === 'twin' ? -1 : 1));
        expect.soft(twin?.repeated.length, 'two copies are noticed').toBeGreaterThan(0);
        expect.soft(others).toMatchObject([{ repeated: [] }]);
        expect.soft(others[0]?.silentMs, 'it is heard to the end').toBeLessThan(1000);
        expect.soft(refused).toBe(0);
        expect.soft(await redisRunId(kubectl, redisIn(places.redis))).toBe(was.redis);
        expect.soft(await postgres.startedAt(places.db)).toBe(was.db);
        same.expectNoChange();
        expect.soft(unexpected(changes(before, after), OF_THE_MOVES)).toEqual([]);
        expect.soft(leftBy(ids, systemBefore, systemAfter)).toEqual([]);
      }),
    MOVES * 120_000 + 60_000,
  );
});
