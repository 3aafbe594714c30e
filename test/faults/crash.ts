import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { beginSession, takeUpSession, type Workplace } from '../../cmd/session.ts';
import type { MigrationRequest, Plan } from '../../src/domain/plan.ts';
import type { Side } from '../../src/domain/refs.ts';
import { BULK_SOCKET } from '../../src/helper/pod-spec.ts';
import type { JournalSink } from '../../src/journal/ports.ts';
import { createReader } from '../../src/kube/client.ts';
import type { OwnerObject } from '../../src/kube/owner-objects.ts';
import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { type Ending, finalizeCommitted, resume, rollBackUnfinished } from '../../src/runner/resume.ts';
import { run } from '../../src/runner/run.ts';
import { STEPS } from '../../src/steps/index.ts';
import type { Step } from '../../src/steps/step.ts';
import { settle } from '../fakes/fake-clock.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import { hashOf } from '../fakes/fake-controllers.ts';
import { MovingProgram } from '../fakes/moving-program.ts';
import { runWorkloadControllers } from '../fakes/workload-controllers.ts';
import { runningPod, service } from '../fixtures/objects.ts';
import { deployment, statefulSet } from '../fixtures/owners.ts';
import { type Clusters, contents, plan, twoClusters } from '../fixtures/two-clusters.ts';
import { inFakeTime } from '../support/fake-time.ts';
import { apiOf, type Death, Life, sinkOf } from './life.ts';

/** What is moved. Every kind goes through the whole matrix. */
export const KINDS: Readonly<Record<string, () => Clusters>> = {
  'a pod with a service': () =>
    twoClusters({ services: [service('cart')], siblings: [runningPod({ name: 'cart-1' })] }),
  'a pod that nobody calls': () => twoClusters(),
  'a pod of a Deployment': () => owned(RESOURCES.deployment, deployment(), (hash) => ({ 'pod-template-hash': hash })),
  'a pod of a StatefulSet': () =>
    owned(RESOURCES.statefulSet, statefulSet(), (hash) => ({ 'controller-revision-hash': `cart-${hash}` })),
};

/** The pod in the hands of an owner, whose controllers are at work in both clusters. */
function owned(resource: Resource, owner: OwnerObject, labels: (hash: string) => Record<string, string>): Clusters {
  const pod = runningPod({ metadata: { labels: { app: 'cart', ...labels(hashOf(owner.spec.template)) } } });
  const clusters = twoClusters({ pod });
  for (const cluster of [clusters.east, clusters.west]) runWorkloadControllers(cluster, queueMicrotask);
  clusters.east.seed(resource, owner);
  return clusters;
}

const ACTS = { resume, rollback: rollBackUnfinished, finalize: finalizeCommitted };

/** Two clusters with a program that is moved, and processes that work on that one after the other. */
export class CrashWorld {
  readonly clusters: Clusters;
  readonly program: MovingProgram;
  readonly #disk = memorySink();
  #plan: Plan | undefined;
  #life: Life = new Life(() => undefined);

  readonly #request: Partial<MigrationRequest>;

  constructor(kind: string, request: Partial<MigrationRequest> = {}) {
    this.#request = request;
    const clusters = KINDS[kind]?.();
    if (!clusters) throw new Error(`no such kind: ${kind}`);
    this.clusters = clusters;
    this.program = new MovingProgram(clusters);
    this.#serveHelpers('source', clusters.east);
    this.#serveHelpers('target', clusters.west);
  }

  /** A process that begins the move; ends when it is done, or dead. */
  async begin(death?: Death): Promise<Life> {
    // Controllers have done what they do at first.
    await settle();
    this.#plan ??= await plan(this.clusters, this.#request);
    const made = this.#plan;
    const life = this.#newLife(death);
    const work = async () => {
      await run({ ...(await beginSession(made, this.#workplace(life))), steps: stepsOf(life) });
    };
    await bounded(() => Promise.race([life.died, work()]));
    return life;
  }

  /** Another process, on another machine perhaps, that takes the migration up. */
  async takeUp(command: keyof typeof ACTS, death?: Death, acceptLoss = false): Promise<Ending | 'killed'> {
    const made = this.#plan;
    if (!made) throw new Error('nothing was begun');
    const life = this.#newLife(death);
    const work = async () => {
      const session = await takeUpSession(made, this.#workplace(life));
      return ACTS[command]({
        ...session,
        steps: stepsOf(life),
        operation: command,
        acceptLoss: async () => acceptLoss,
      });
    };
    return bounded(() => Promise.race([life.died.then(() => 'killed' as const), work()]));
  }

  /** What is in both clusters, as far as two moves that ended alike are alike in it. */
  snapshot(): { readonly east: unknown[]; readonly west: unknown[] } {
    const { east, west } = this.clusters;
    return { east: comparable(east), west: comparable(west) };
  }

  /** Time passes without anybody at work. */
  async wait(ms: number): Promise<void> {
    await this.clusters.clock.sleep(ms);
    this.program.tick('while nobody is at work');
  }

  #newLife(death: Death | undefined): Life {
    this.#life = new Life((label) => this.program.tick(label), death);
    return this.#life;
  }

  #serveHelpers(side: Side, cluster: FakeCluster): void {
    const helper = this.clusters.helpers[side];
    cluster.onExec(async ({ command }, { stdin, stdout }) => {
      const life = this.#life;
      if (command.includes(BULK_SOCKET)) return await new Promise<number>(() => stdin.resume());
      for await (const line of createInterface({ input: stdin })) {
        const { op } = JSON.parse(line) as { op: string };
        const reply = async () => helper.reply(line);
        const answer = op === 'status' ? life.look(reply) : life.act(`${op} at ${side}`, reply);
        void answer.then((text) => stdout.write(`${text}\n`));
      }
      return 0;
    });
  }

  #workplace(life: Life): Workplace {
    const { api, clock } = this.clusters;
    const place = (side: Side) => {
      const living = apiOf(life, api[side]);
      return { api: living, reader: createReader(living, clock) };
    };
    return {
      source: place('source'),
      target: place('target'),
      reporter: { notify: () => undefined, ask: () => Promise.resolve(true) },
      clock,
      copies: [sinkOf(life, this.#disk)],
      worker: { operation: 'pod', user: 'u', host: 'h', version: 'v' },
      newUuid: randomUUID,
      registryFor: () => {
        throw new Error('nothing of these moves goes through a registry');
      },
      forceUnlock: false,
      interrupt: new AbortController().signal,
    };
  }
}

/** Nothing of a move takes this long, in ms. */
const TOO_LONG_MS = 150_000;

/** In steps that are long for a test and short for a move. */
function bounded<T>(act: () => Promise<T>): Promise<T> {
  const late = () =>
    new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error('it never ends')), TOO_LONG_MS).unref();
    });
  return inFakeTime(() => Promise.race([act(), late()]), 250);
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

/** Without what is different in every run: uids, and times and processes in records. */
function comparable(cluster: FakeCluster): unknown[] {
  return contents(cluster)
    .map((object) =>
      object.kind === 'ConfigMap' ? { ...object, data: stateOf(object['data'] as Record<string, string>) } : object,
    )
    .map((object) => JSON.parse(JSON.stringify(object).replace(UUID, 'uid')) as unknown);
}

function stateOf(data: Record<string, string>): unknown {
  const entries = Object.keys(data).filter((key) => key.startsWith('entry-'));
  const last = entries.toSorted().at(-1);
  return last === undefined ? 'begun' : (JSON.parse(data[last] ?? '') as { state: string }).state;
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
