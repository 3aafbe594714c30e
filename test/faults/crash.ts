import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { beginSession, takeUpSession, type Workplace } from '../../cmd/session.ts';
import { MigrateError } from '../../src/domain/errors.ts';
import { SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import type { MigrationRequest, Plan } from '../../src/domain/plan.ts';
import type { Side } from '../../src/domain/refs.ts';
import { isCommitted, type RecordState } from '../../src/domain/standing.ts';
import { withhold } from '../../src/domain/withheld.ts';
import { isRunning } from '../../src/engines/helper/start-pod.ts';
import { CONTROL_SOCKET } from '../../src/helper/pod-spec.ts';
import type { JournalSink } from '../../src/journal/ports.ts';
import { createReader } from '../../src/kube/client.ts';
import type { ConfigMap, KubeObject, Lease, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { type Ending, finalizeCommitted, resume, rollBackUnfinished } from '../../src/runner/resume.ts';
import { run } from '../../src/runner/run.ts';
import { STEPS } from '../../src/steps/index.ts';
import type { Step } from '../../src/steps/step.ts';
import { settle } from '../fakes/fake-clock.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import type { MemoryRegistry } from '../fakes/memory-registry.ts';
import { MovingProgram } from '../fakes/moving-program.ts';
import { type Clusters, contents, plan } from '../fixtures/two-clusters.ts';
import { inFakeTime } from '../support/fake-time.ts';
import { withMortalSignals } from '../support/mortal-signals.ts';
import { apiOf, clockOf, type Death, type Fate, Life, registryOf, sinkOf } from './life.ts';
import { MOVES, type Scene, SECRET_WORDS } from './moves.ts';

const ACTS = { resume, rollback: rollBackUnfinished, finalize: finalizeCommitted };

/** The clusters of a move with the program that is moved, and processes that work on it one after the other. */
export class CrashWorld {
  readonly clusters: Clusters;
  readonly program: MovingProgram;
  /** Whoever works on it says `--force-unlock`. */
  forceUnlock = false;
  /** A record held the value of a variable. */
  disclosed = false;
  readonly #registry: MemoryRegistry | undefined;
  /** What users were told, in order. */
  readonly #told: string[] = [];
  readonly #disk = memorySink();
  #plan: Plan | undefined;
  /** Somebody lets it pass already. */
  #timePasses = false;
  #life: Life = new Life(() => undefined);
  /** What was in the namespaces of helpers and records before. */
  readonly #there: readonly string[];

  readonly #request: Partial<MigrationRequest>;

  private constructor({ clusters, request, registry }: Scene) {
    const { pod } = request;
    this.#request = request;
    this.#registry = registry;
    this.clusters = clusters;
    this.program = new MovingProgram(clusters, {
      ...(pod !== undefined && { pod }),
      isCommitted: () => this.isCommitted,
    });
    this.#there = this.#withRecords();
    for (const cluster of this.#places()) {
      this.#serveHelpers(cluster);
      cluster.onChange((_type, object) => {
        if (object.kind === 'ConfigMap' && JSON.stringify(object).includes(SECRET_WORDS)) this.disclosed = true;
      });
    }
  }

  /** One of `MOVES` before it is begun; controllers have done what they do at first. */
  static async of(kind: string): Promise<CrashWorld> {
    const scene = await MOVES[kind]?.();
    if (!scene) throw new Error(`no such kind: ${kind}`);
    const world = new CrashWorld(scene);
    await settle();
    return world;
  }

  /** A process that begins the move; ends when it is done, or dead. */
  async begin(death?: Death): Promise<Life> {
    this.#plan ??= await plan(this.clusters, this.#request);
    const life = this.#newLife({ death });
    await this.#bounded(() => Promise.race([life.died, this.#move(this.#plan, life)]));
    return life;
  }

  /**
   * A process that begins the move, or takes it up, and falls asleep with its machine after its n-th act. When `meanwhile`
   * is over it wakes up and goes on to its end. Yields what it threw; undefined for nothing.
   */
  async sleep(act: number, meanwhile: () => Promise<void>, command?: keyof typeof ACTS): Promise<unknown> {
    this.#plan ??= await plan(this.clusters, this.#request);
    const life = this.#newLife({ sleepAfter: act });
    return this.#bounded(async () => {
      const work = command ? this.#takeUp(command, life, false) : this.#move(this.#plan, life);
      const ended = work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await Promise.race([life.slept, ended]);
      await meanwhile();
      this.#life = life;
      life.wake();
      return ended;
    });
  }

  /**
   * A process that begins the move and is interrupted while its n-th act, a write to a cluster or a registry, is under way:
   * the server carries it out so much later, and no later than the process has ended. Yields what it threw; undefined for
   * nothing.
   */
  async interrupt(act: number, lateMs = 2500): Promise<unknown> {
    this.#plan ??= await plan(this.clusters, this.#request);
    const [interrupt, over] = [new AbortController(), new AbortController()];
    return this.#bounded(async () => {
      const until = new Promise<void>((resolve) => {
        over.signal.addEventListener('abort', () => resolve());
      });
      const told = () => {
        setTimeout(() => over.abort(), lateMs);
        interrupt.abort(INTERRUPTED);
      };
      const life = this.#newLife({ late: { act, until, told } });
      const thrown = await this.#move(this.#plan, life, interrupt.signal).catch((error: unknown) => error);
      over.abort();
      await settle();
      return thrown;
    });
  }

  /** A process with another migration of the same pod, to its end. */
  async moveAgain(request: Partial<MigrationRequest>): Promise<void> {
    const made = await plan(this.clusters, { ...this.#request, ...request }, 'm-other');
    await this.#bounded(() => this.#move(made, this.#newLife({})));
  }

  /**
   * Another process, on another machine perhaps, that takes the migration up; whoever runs it agrees to what is lost with
   * that, or does not.
   */
  async takeUp(command: keyof typeof ACTS, death?: Death, agreed = false): Promise<Ending['kind'] | 'killed'> {
    const life = this.#newLife({ death });
    const work = () => this.#takeUp(command, life, agreed);
    return this.#bounded(() => Promise.race([life.died.then(() => 'killed' as const), work()]));
  }

  /** What the last process did, in order. */
  get acts(): readonly string[] {
    return this.#life.acts;
  }

  /**
   * What is in the clusters, and of the program’s memory elsewhere, as far as two moves that ended alike are alike in it.
   * What may be on a node without anybody knowing its name is no part of it once the user was told.
   */
  snapshot(): { readonly clusters: readonly unknown[][]; readonly elsewhere: readonly string[] } {
    const isTold = (archive: string) => {
      const [name = ''] = /checkpoint-.*?(?=\d{4}-\d\d-\d\dT)/.exec(archive) ?? [];
      return this.#told.some((text) => text.includes(`${name}*.tar`));
    };
    const archives = [...this.program.archives].filter((archive) => !isTold(archive));
    const elsewhere = [...archives, ...(this.#registry?.manifests.keys() ?? [])];
    return { clusters: this.#places().map(comparable), elsewhere };
  }

  /** Whether the record that decides says that the target may run. */
  get isCommitted(): boolean {
    return isCommitted(recordIn(this.clusters.east));
  }

  /** Whether that record says that the move has come to its end in the target. */
  get hasEnded(): boolean {
    return recordIn(this.clusters.east) === 'done';
  }

  /** What the move has left of the namespaces of helpers and records, and in them: `KIND NAME in CLUSTER`. */
  leftWithRecords(): string[] {
    return this.#withRecords().filter((object) => !this.#there.includes(object));
  }

  #withRecords(): string[] {
    return Object.entries({ east: this.clusters.east, west: this.clusters.west })
      .slice(0, this.#places().length)
      .flatMap(([name, cluster]) =>
        [
          ...cluster.all(RESOURCES.namespace).filter(({ metadata }) => metadata.name === SYSTEM_NAMESPACE),
          ...Object.values(RESOURCES).flatMap((resource) => cluster.all(resource, SYSTEM_NAMESPACE)),
        ].map(({ kind, metadata }) => `${kind} ${metadata.name} in ${name}`),
      );
  }

  /** The registry that a checkpoint goes through removes nothing. */
  keepImages(): void {
    if (!this.#registry) throw new Error('nothing of this move goes through a registry');
    this.#registry.deletes = false;
  }

  /** Time passes without anybody at work. */
  async wait(ms: number): Promise<void> {
    await this.clusters.clock.sleep(ms);
    this.program.tick('while nobody is at work');
  }

  async #takeUp(command: keyof typeof ACTS, life: Life, agreed: boolean): Promise<Ending['kind']> {
    if (!this.#plan) throw new Error('nothing was begun');
    // Of the plan it has what the record holds.
    const recorded = JSON.parse(JSON.stringify(withhold(this.#plan as never).content)) as Plan;
    const { kind } = await ACTS[command]({
      ...(await takeUpSession(recorded, this.#workplace(life))),
      steps: stepsOf(life),
      operation: command,
      acceptLoss: async () => agreed,
      discardTarget: agreed,
    });
    return kind;
  }

  async #move(made: Plan | undefined, life: Life, interrupt?: AbortSignal): Promise<void> {
    if (!made) throw new Error('there is no plan');
    await run({ ...(await beginSession(made, this.#workplace(life, interrupt))), steps: stepsOf(life) });
  }

  /** In steps that are long for a test and short for a move; what happens meanwhile happens in the same ones. */
  async #bounded<T>(act: () => Promise<T>): Promise<T> {
    if (this.#timePasses) return act();
    this.#timePasses = true;
    try {
      return await bounded(act);
    } finally {
      this.#timePasses = false;
    }
  }

  #newLife(fate: Fate): Life {
    this.#life = new Life((label) => this.program.tick(label), fate);
    return this.#life;
  }

  /** East and west, which may be the same. */
  #places(): FakeCluster[] {
    return [...new Set([this.clusters.east, this.clusters.west])];
  }

  #serveHelpers(cluster: FakeCluster): void {
    cluster.onExec(async ({ command, pod }, io) => {
      const side = pod.endsWith('-target') ? 'target' : 'source';
      const helper = this.clusters.helpers[side];
      const life = this.#life;
      if (!command.includes(CONTROL_SOCKET)) return await helper.run(command, io);
      const lines = createInterface({ input: io.stdin });
      let gone = false;
      // With the pod, or its program, goes whoever is asked, and the stream.
      cluster.onChange((type, object) => {
        const { kind, metadata } = object;
        if (kind !== 'Pod' || metadata.name !== pod || (type !== 'DELETED' && isRunning(object as Pod))) return;
        gone = true;
        lines.close();
      });
      for await (const line of lines) {
        const { op } = JSON.parse(line) as { op: string };
        const reply = async () => helper.reply(line);
        const answer = op === 'status' ? life.look(reply) : life.act(`${op} at ${side}`, reply);
        void answer.then((text) => text !== undefined && io.stdout.write(`${text}\n`));
      }
      return gone ? KILLED : 0;
    });
  }

  #workplace(life: Life, interrupt = new AbortController().signal): Workplace {
    const { api } = this.clusters;
    const clock = clockOf(life, this.clusters.clock);
    const place = (side: Side) => {
      const living = apiOf(life, api[side]);
      return { api: living, reader: createReader(living, clock) };
    };
    return {
      source: place('source'),
      target: place('target'),
      reporter: { notify: ({ text }) => this.#told.push(text), ask: () => Promise.resolve(true) },
      clock,
      copies: [sinkOf(life, this.#disk)],
      worker: { operation: 'pod', user: 'u', host: 'h', version: 'v' },
      newUuid: randomUUID,
      registryFor: () => {
        if (!this.#registry) throw new Error('nothing of this move goes through a registry');
        return registryOf(life, this.#registry);
      },
      forceUnlock: this.forceUnlock,
      interrupt,
    };
  }
}

/** The exit code of whom SIGKILL has ended. */
const KILLED = 137;

const INTERRUPTED = new MigrateError('F306', { detail: 'SIGINT received', remedy: 'again', outcome: 'interrupted' });

/** Nothing of a move takes this long, in ms. */
const TOO_LONG_MS = 150_000;

function bounded<T>(act: () => Promise<T>): Promise<T> {
  const late = () =>
    new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error('it never ends')), TOO_LONG_MS).unref();
    });
  return inFakeTime(() => withMortalSignals(() => Promise.race([act(), late()])), 250);
}

/** The one list of steps, each of which can die right before its act and between its act and its result. */
function stepsOf(life: Life): readonly Step[] {
  return STEPS.map((step): Step => {
    const around = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
      await life.act(`begin ${what}`, () => undefined);
      const result = await act();
      await life.act(`end ${what}`, () => undefined);
      return result;
    };
    const { apply, revert, name } = step;
    return {
      ...step,
      apply: (context, undo) => around(name, () => apply.call(step, context, undo)),
      ...(revert && {
        revert: (context, undo) => around(`taking back ${name}`, () => revert.call(step, context, undo)),
      }),
    };
  });
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** The end of a name that a controller has chosen. */
const GENERATED = /-k\d+\b/g;

/**
 * Without what is different in every run: uids, chosen names, times and processes in records, and the counters of
 * changes, which a change and its way back raise.
 */
function comparable(cluster: FakeCluster): unknown[] {
  return contents(cluster)
    .map((object) => {
      if (isRecordOf(object)) return { ...object, data: stateOf(object['data'] as Record<string, string>) };
      return object.kind === 'Lease' ? { ...object, spec: holderOf(object as Lease) } : object;
    })
    .map(
      (object) =>
        JSON.parse(JSON.stringify(object).replace(UUID, 'uid').replace(GENERATED, '-k'), withoutCounters) as unknown,
    );
}

/** Users’ ConfigMaps are compared as they are. */
function isRecordOf({ kind, metadata: { namespace } }: KubeObject): boolean {
  return kind === 'ConfigMap' && namespace === SYSTEM_NAMESPACE;
}

/** Who is at work, and on what; not since when. */
function holderOf({ spec }: Lease): unknown {
  return spec?.holderIdentity;
}

function withoutCounters(key: string, value: unknown): unknown {
  return /[gG]eneration$/.test(key) ? undefined : value;
}

function stateOf(data: Record<string, string>): RecordState {
  const entries = Object.keys(data).filter((key) => key.startsWith('entry-'));
  const last = entries.toSorted().at(-1);
  return last === undefined ? 'running' : (JSON.parse(data[last] ?? '') as { state: RecordState }).state;
}

/** Where the move stands by the record that decides; `running` where there is none. */
function recordIn(east: FakeCluster): RecordState {
  const record = east.peek<ConfigMap>(RESOURCES.configMap, SYSTEM_NAMESPACE, 'm-test');
  return stateOf(record?.data ?? {});
}

type Header = Parameters<JournalSink['create']>[0];
type Writes = Parameters<JournalSink['write']>[1];

/** A local file in memory, with what a sink promises. */
function memorySink(): JournalSink {
  const records = new Map<string, { readonly header: Header; writes: Writes }>();
  return {
    place: 'memory',
    create: async (header) => {
      records.set(header.id, { header, writes: [] });
    },
    write: async (id, writes) => {
      const record = records.get(id);
      if (!record) throw new Error('not opened');
      const known = record.writes.length;
      record.writes = [...record.writes, ...writes.filter(({ serial }) => serial > known)];
    },
    setAside: async (id) => {
      records.delete(id);
      return undefined;
    },
    remove: async (id) => {
      records.delete(id);
    },
    load: async (id) => {
      const record = records.get(id);
      if (!record) return undefined;
      const { header, writes } = record;
      const state = writes.at(-1)?.state ?? 'running';
      return { ...header, serial: writes.length, state, entries: writes.flatMap(({ entries }) => entries) };
    },
  };
}
