import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import { STEPS } from '../../src/steps/index.ts';
import { killWhen, newMachine, wrote } from '../support/kill.ts';
import { KILLED_MOVES, type KilledMove } from '../support/killed-moves.ts';
import { type Context, type Ended, KILLED, type ProcessOptions } from '../support/kubectl.ts';
import { type Load, type RedisSummary, redisLoad } from '../support/load-client.ts';
import { hasWrite, type RecordedWrite, writesIn } from '../support/recorded-writes.ts';
import { accountForWrites, redisRunId } from '../support/redis-writes.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { changes, type Snapshot, takeSnapshot, unexpected } from '../support/snapshot.ts';
import { leftOf, other } from '../support/struck-move.ts';

interface Kill {
  readonly name: string;
  readonly says: (lines: readonly string[]) => boolean;
  readonly command: 'resume' | 'rollback';
}

/**
 * `FAULTS=full` (`npm run faults`): moves of every kind, killed after each write that none before it in the list makes.
 * Without it one of the first kind, killed once in each of its parts.
 */
const FULL = process.env['FAULTS'] === 'full';
const KINDS = Object.entries(KILLED_MOVES).slice(0, FULL ? undefined : 1);
const IN_EACH_PART: readonly Kill[] = [
  { name: 'while the target is prepared', says: wrote('placeholder', 'intent'), command: 'rollback' },
  { name: 'in the freeze', says: wrote('freeze', 'intent'), command: 'resume' },
  { name: 'right after the commit', says: wrote('commit', 'commit'), command: 'resume' },
];

/** A write after which a plugin was to be killed, and the last that it made. */
interface Hit {
  readonly intended: string;
  /** Undefined when it ended before it could be killed. */
  readonly last: string | undefined;
}

/** What moves have written so far. */
const known = { meanings: new Set<string>(), steps: new Set<string>() };

/** A kill after each write that nothing before has made: with both commands, which take turns once both lead forward. */
function killsOf(writes: readonly RecordedWrite[]): Kill[][] {
  const fresh = writes.filter(({ meaning }) => !known.meanings.has(meaning));
  for (const { meaning, steps } of writes) {
    known.meanings.add(meaning);
    for (const step of steps) known.steps.add(step);
  }
  return (['resume', 'rollback'] as const).map((command, turn) =>
    fresh
      .filter(({ committed }, index) => !committed || index % 2 === turn)
      .map(({ name }) => ({ name, says: hasWrite(name), command })),
  );
}

/**
 * Made by controllers for a Service, under another name each time; what they say of how things go; and the number of a
 * revision of a StatefulSet, which counts how often the set has come back to it.
 */
const OF_CONTROLLERS = [
  /^\w+ (Endpoints|EndpointSlice)\//,
  /^\S+ \S+ status\./,
  /^\w+ ControllerRevision\/\S+ revision: /,
];

interface Place {
  readonly context: Context;
  readonly node: string;
  readonly pod: string;
}

interface Found {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
}

/** A redis that is written to and moved, always in the same way. */
class MovedRedis {
  readonly #scene: Scenario;
  readonly #move: KilledMove;
  readonly #name: string;
  #load: Load<RedisSummary> | undefined;
  #runId = '';
  /** It cannot be moved once more. */
  #spent = false;

  constructor(scene: Scenario, move: KilledMove, name: string) {
    this.#scene = scene;
    this.#move = move;
    this.#name = name;
  }

  async begin(): Promise<void> {
    const { kubectl, namespace } = this.#scene;
    await kubectl.apply('east', this.#move.objects(this.#scene, this.#name));
    const place = await vi.waitFor(() => this.#place(), { timeout: 30_000, interval: 500 });
    await kubectl.ready('east', namespace, place.pod);
    this.#runId = await redisRunId(kubectl, { ...place, namespace });
    const client = { ...this.#scene, context: 'east', name: `client-${this.#name}`, node: 'east-1' } as const;
    this.#load = await redisLoad(client, `${this.#name}:6379`);
    await this.#load.going;
  }

  /** Moves it undisturbed, and yields what that writes. */
  async writes(): Promise<RecordedWrite[]> {
    const machine = newMachine();
    const from = await this.#place();
    expect(await this.#moveOn(from, machine)).toMatchObject({ code: 0 });
    const { id = '', lines = [] } = machine.record() ?? {};
    await this.#settle(id, from, this.#move.held ? 'held' : 'moved');
    return writesIn(lines);
  }

  /**
   * Kills the plugin once, and has the move brought to its end from another machine; one that leads back leaves every object of
   * the redis as it was.
   */
  async killed({ name, says, command }: Kill): Promise<Hit> {
    const machine = newMachine();
    const from = await this.#place();
    await this.#scene.kubectl.ready(from.context, this.#scene.namespace, from.pod);
    const before = await this.#objects();
    const { code } = await this.#moveOn(from, killWhen(machine, says));
    const { id, lines = [] } = machine.record() ?? {};
    if (id === undefined) throw new Error('nothing was begun');
    expect(says(lines), 'the write was made').toBe(true);
    const last = writesIn(lines).at(-1);
    // After its last write it may end before it can be killed.
    if (last?.name !== 'done') expect(code).toBe(KILLED);
    const committed = last?.committed === true;
    const ended = await this.#takenUp(id, from, command, committed);
    const { ending, next } = JSON.parse(ended.stdout) as { ending: string; next: string };
    expect(ending).toBe(committed ? (this.#move.held ? 'held' : 'moved') : 'led-back');
    expect(next).toContain({ moved: `cleanup ${id}`, held: `finalize ${id}` }[ending] ?? `pod ${from.pod}`);
    await this.#settle(id, from, ending);
    if (ending === 'led-back')
      await expect.poll(async () => this.#changesSince(before), { timeout: 60_000, interval: 1000 }).toEqual([]);
    return { intended: name, last: code === KILLED ? last?.name : undefined };
  }

  #objects(): Promise<Snapshot> {
    return takeSnapshot(this.#scene.kubectl, this.#scene.namespace);
  }

  /** Lines about objects of this redis alone: another one may be on its way beside it. */
  async #changesSince(before: Snapshot): Promise<string[]> {
    const ours = new RegExp(`^\\w+ \\w+/${this.#name}(?!\\d)`);
    const lines = changes(before, await this.#objects()).filter((line) => ours.test(line));
    return unexpected(lines, OF_CONTROLLERS);
  }

  get isSpent(): boolean {
    return this.#spent;
  }

  /** Ends the writing to it, and finds every acknowledged write in it once. */
  async expectEveryWrite(): Promise<void> {
    if (!this.#load) throw new Error('nobody writes to it');
    const { kubectl, namespace } = this.#scene;
    const summary = await this.#load.stop();
    const account = await accountForWrites(kubectl, { ...(await this.#place()), namespace }, summary);
    expect(account).toMatchObject({ lost: [], twice: [] });
    expect(account.acknowledged).toBeGreaterThan(100);
  }

  /** Where its one pod is; a held source is one more. */
  async #place(): Promise<Place> {
    const { kubectl, namespace } = this.#scene;
    const found = await Promise.all(
      (['east', 'west'] as const).map(async (context) => {
        const { items } = await kubectl.json<{ items: Found[] }>(context, ['-n', namespace, 'pods']);
        return items.map(({ metadata, spec }) => ({ context, node: spec.nodeName, pod: metadata.name }));
      }),
    );
    const ours = found.flat().filter(({ pod }) => `${pod}-`.startsWith(`${this.#name}-`));
    expect(ours).toHaveLength(1);
    return ours[0] as Place;
  }

  #contexts({ context }: Place): string[] {
    return ['--context', context, ...(this.#move.within ? [] : ['--to-context', other(context)])];
  }

  #moveOn(from: Place, options: ProcessOptions): Promise<Ended> {
    const { within, flags = () => [] } = this.#move;
    const node = within ? (from.node === 'east-1' ? 'east-2' : 'east-1') : `${other(from.context)}-1`;
    const words = ['pod', from.pod, ...this.#contexts(from), '--to-node', node, '--max-freeze', '5s', '--yes'];
    return this.#scene.migrate([...words, ...flags(this.#scene)], options);
  }

  /** Another machine has no copy of the record: it finds it in the clusters. There is no way back from a commit. */
  async #takenUp(id: string, from: Place, command: Kill['command'], committed: boolean): Promise<Ended> {
    const { env } = newMachine();
    const words = [id, ...this.#contexts(from), ...(this.#move.flagsAfter ?? []), '-o', 'json'];
    let ended = await this.#scene.migrate([command, ...words], { env });
    if (committed && command === 'rollback') {
      expect(ended).toMatchObject({ code: 5, stdout: expect.stringContaining('F373') });
      ended = await this.#scene.migrate(['resume', ...words], { env });
    }
    expect(ended).toMatchObject({ code: 0 });
    return ended;
  }

  /** Ends a hold, and looks whether the same process is where it should be and nothing but the record is left. */
  async #settle(id: string, from: Place, ending: string): Promise<void> {
    const { kubectl, migrate, namespace } = this.#scene;
    const contexts = this.#contexts(from);
    if (ending === 'held') expect(await migrate(['finalize', id, ...contexts])).toMatchObject({ code: 0 });
    const now = await this.#place();
    const stays = now.context === from.context && now.node === from.node;
    expect(stays ? 'led-back' : 'moved').toBe(ending === 'held' ? 'moved' : ending);
    expect(await redisRunId(kubectl, { ...now, namespace })).toBe(this.#runId);
    const records = contexts.filter((word) => !word.startsWith('--')).map((context) => `${context} configmap/${id}`);
    const left = await Promise.all([...new Set([from.pod, now.pod])].map((pod) => leftOf(this.#scene, { id, pod })));
    expect([...new Set(left.flat())].toSorted()).toEqual(stays ? [] : records.toSorted());
    this.#spent = this.#move.once === true && !stays;
  }
}

/** Kills moves of one redis one after the other, or with `FAULTS=full` of two at once, one for each command. */
async function killedAgainAndAgain(scene: Scenario, kind: string, move: KilledMove): Promise<void> {
  let made = 0;
  const told: string[] = [];
  const migrate: Scenario['migrate'] = async (...words) => {
    const ended = await scene.migrate(...words);
    told.push(ended.stderr);
    return ended;
  };
  const another = async (): Promise<MovedRedis> => {
    made += 1;
    const redis = new MovedRedis({ ...scene, migrate }, move, `redis-${made}`);
    await redis.begin();
    return redis;
  };
  const first = await another();
  const lists = FULL ? killsOf(await first.writes()).filter((kills) => kills.length > 0) : [IN_EACH_PART];
  expect(lists, 'nothing new in this move').not.toEqual([]);
  const hits: Hit[] = [];
  const ends = await Promise.allSettled(
    lists.map(async (kills, index) => {
      let redis = index === 0 ? first : await another();
      for (const kill of kills) {
        if (redis.isSpent) {
          await redis.expectEveryWrite();
          redis = await another();
        }
        const hit = await redis.killed(kill).catch((cause: unknown) => {
          throw new Error(`killed after '${kill.name}', then ${kill.command}`, { cause });
        });
        hits.push(hit);
      }
      await redis.expectEveryWrite();
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  expectHits(kind, hits);
  // Whose name nobody has written down yet is told by what it begins with.
  const begins = (name: string) => name.replace(/\d{4}-\d\d-\d\dT.*/, '*');
  const left = (await move.leaves?.(scene)) ?? [];
  expect(left.filter((name) => !told.some((text) => text.includes(begins(name))))).toEqual([]);
}

/** Only after its last write may a plugin have ended by itself. How often another write was made before the kill is told. */
function expectHits(kind: string, hits: readonly Hit[]): void {
  const missed = hits.filter(({ last }) => last === undefined).map(({ intended }) => intended);
  expect(missed.filter((name) => name !== 'done')).toEqual([]);
  const later = FULL ? hits.filter(({ intended, last }) => last !== undefined && last !== intended) : [];
  const told = later.map(({ intended, last }) => `; '${intended}' was meant and '${last}' written too`);
  process.stderr.write(
    `${kind}: ${hits.length} kills, ${missed.length} too late, ${later.length} a write later${told.join('')}\n`,
  );
}

describe('a plugin that is killed', () => {
  it.each(KINDS)(
    'leaves a move to another machine, which brings it to its end and loses no write: %s',
    (kind, move) => scenario({ name: 'crash', rights: move.rights }, (scene) => killedAgainAndAgain(scene, kind, move)),
    FULL ? 900_000 : 270_000,
  );

  if (FULL)
    it('has passed every step of the list by then', () => {
      // What a record says of its audit is no step.
      const steps = [...known.steps].filter((name) => name !== 'audit');
      expect(steps.toSorted()).toEqual(STEPS.map(({ name }) => name).toSorted());
    });
});
