import type { Clock } from '../../src/domain/clock.ts';
import { DEFAULT_DEADLINES, type MigrationRequest, type Plan } from '../../src/domain/plan.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { Engine, EngineResults } from '../../src/engines/engine.ts';
import { createHelperEngine } from '../../src/engines/helper/helper-engine.ts';
import { helperRef } from '../../src/engines/helper/helper-pod.ts';
import { HelperPods } from '../../src/engines/helper/helper-pods.ts';
import { restoredIn } from '../../src/engines/helper/rehearse.ts';
import type { HelperArgs, HelperOp, HelperResult } from '../../src/helper/protocol.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import type { Pod } from '../../src/kube/objects.ts';
import type { ClusterReader, Gateway } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { gatherFacts } from '../../src/planner/facts.ts';
import { makePlan } from '../../src/planner/make-plan.ts';
import { STEPS } from '../../src/steps/index.ts';
import type { StepContext } from '../../src/steps/step.ts';
import { podStarter, removeTargetPod } from '../../src/steps/target-pod.ts';

/** Two clusters with helpers, and a program in a pod of the source that counts how often it is asked. */
export interface HelperWorld {
  readonly clock: Clock;
  readonly request: MigrationRequest;
  /** A checkpoint that the source's kubelet has taken, whatever is in it. */
  readonly archive: string;
  api(side: Side): ApiClient;
  /** What the program answers: the next number; undefined when nobody does. */
  ask(side: Side): Promise<number | undefined>;
  /** The sides on which a copy of the program runs. */
  running(): Promise<Side[]>;
  pass(ms: number): Promise<void>;
  /** Sets the time of day on the source's node so many seconds ahead or behind. */
  setClock(helperUid: string, seconds: number): Promise<void>;
  close(): Promise<void>;
}

/** A move between two clusters as far as its helpers have part in it, each act by itself. */
export class HelperStage {
  readonly world: HelperWorld;
  readonly plan: Plan;
  readonly engine: Engine;
  readonly #readers: Readonly<Record<Side, ClusterReader>>;
  readonly #gateway: Gateway;
  readonly #pods: HelperPods;
  readonly #signal = new AbortController().signal;
  #results: EngineResults = {};

  private constructor(world: HelperWorld, plan: Plan, readers: Readonly<Record<Side, ClusterReader>>) {
    const { clock } = world;
    this.world = world;
    this.plan = plan;
    this.#readers = readers;
    this.#gateway = createGateway({
      source: world.api('source'),
      target: world.api('target'),
      effects: plan.effects,
      clock,
    });
    const options = { plan, ...readers, gateway: this.#gateway };
    this.engine = createHelperEngine(options);
    this.#pods = new HelperPods(options);
  }

  /** Helpers on both nodes that know of nothing yet. */
  static async of(world: HelperWorld, id: string): Promise<HelperStage> {
    const { clock } = world;
    const readers = {
      source: createReader(world.api('source'), clock),
      target: createReader(world.api('target'), clock),
    };
    const facts = await gatherFacts(world.request, readers.source, readers.target);
    const plan = await makePlan(facts, { id, createdAt: new Date(clock.now()).toISOString(), steps: STEPS });
    const stage = new HelperStage(world, plan, readers);
    await stage.engine.start(stage.context);
    await stage.#pods.attach(stage.#signal);
    return stage;
  }

  get context(): StepContext {
    return {
      ...{ plan: this.plan, engine: this.engine, gateway: this.#gateway, ...this.#readers, signal: this.#signal },
      results: this.#results as StepContext['results'],
      reporter: { notify: () => undefined, ask: () => Promise.resolve(true) },
      waiting: () => undefined,
      warn: () => undefined,
      copied: () => undefined,
    };
  }

  /** The source's containers. */
  get source(): string[] {
    return this.plan.source.containers.map(({ id }) => id);
  }

  get podLogs(): string {
    const { namespace, pod, uid } = this.plan.source;
    return `${namespace}_${pod}_${uid}`;
  }

  /** The containers that wait in the target, once it is prepared. */
  get target(): string[] {
    return [...(this.#results.placeholder?.containerIds ?? [])];
  }

  call<O extends HelperOp>(side: Side, op: O, args: HelperArgs<O>): Promise<HelperResult<O>> {
    return this.#pods.call(side, op, args, { signal: this.#signal });
  }

  /** The helper's own code for what it refuses; undefined when it does it. */
  async refusal<O extends HelperOp>(side: Side, op: O, args: HelperArgs<O>): Promise<string | undefined> {
    try {
      await this.call(side, op, args);
      return undefined;
    } catch (error) {
      const { detail } = error as { detail?: string };
      const [, code] = /\((?:source|target) helper, ([a-z-]+)\)/.exec(detail ?? '') ?? [];
      if (code === undefined) throw error;
      return code;
    }
  }

  async takeUp(): Promise<void> {
    await this.call('source', 'take-up', { containers: this.source.map((id) => ({ id, volumes: [] })) });
  }

  /** What another helper has restored in the target. */
  async takeUpRestored(): Promise<void> {
    await this.call('target', 'take-up-restored', restoredIn(this.#results, this.target));
  }

  async thaw(): Promise<void> {
    await this.call('source', 'thaw', { containerIds: this.source, podLogs: this.podLogs });
  }

  async seal(): Promise<void> {
    await this.call('source', 'seal', { containerIds: this.source, podLogs: this.podLogs });
  }

  /** Cut off and stopped, as for a checkpoint of the runtime: that needs no target. */
  async stop(thawAfterMs: number): Promise<void> {
    await this.call('source', 'fence', { containerIds: this.source, thawAfterMs });
    await this.call('source', 'halt', { containerIds: this.source, archive: this.world.archive });
  }

  async state(side: Side): Promise<string> {
    return (await this.call(side, 'status', {}))[side].state;
  }

  /** A waiting pod in the target with the files of the source. */
  async prepare(): Promise<void> {
    const { engine } = this;
    this.#results = { ...this.#results, probe: { volumes: [], ...(await engine.probe(this.context, [])) } };
    const placeholder = await engine.prepareTarget(this.context, podStarter(this.context));
    this.#results = { ...this.#results, placeholder };
    await engine.copyAhead(this.context);
  }

  /** Once more, after a discard. */
  async prepareAgain(): Promise<void> {
    const sourceAddresses = [...(this.#results.probe?.addresses ?? [])];
    await this.call('target', 'prepare-restore', { containerIds: this.target, sourceAddresses, volumes: [] });
  }

  async freeze(): Promise<void> {
    this.#results = { ...this.#results, freeze: await this.engine.freeze(this.context) };
    await this.engine.transfer(this.context);
  }

  async restore(): Promise<void> {
    await this.engine.restore(this.context, podStarter(this.context));
  }

  /** Uid of a helper pod. */
  async helper(side: Side): Promise<string> {
    const { name, namespace } = helperRef(this.plan, side);
    return (await this.#readers[side].get<Pod>(RESOURCES.pod, name, { namespace }))?.metadata.uid ?? '';
  }

  /** Another helper in the place of one that somebody removes. */
  async replaceHelper(side: Side, between: () => Promise<void>): Promise<void> {
    const ref = helperRef(this.plan, side);
    const uid = await this.helper(side);
    await this.#gateway.delete(ref);
    const gone = { name: 'the helper to be gone', deadlineMs: 60_000, flag: '--none' };
    await this.#readers[side].waitFor<Pod>(
      RESOURCES.pod,
      ref,
      (pod) => (pod?.metadata.uid === uid ? { done: false, why: 'there' } : { done: true }),
      gone,
    );
    await between();
    await this.#pods.replace(side, { signal: this.#signal, onProgress: () => undefined });
  }

  /** As the way back does it, but for the pod itself. */
  async end(): Promise<void> {
    if ((await this.state('source')) !== 'released') {
      await this.takeUp();
      await this.thaw();
    }
    await removeTargetPod(this.context);
    this.#pods.close();
    await this.engine.remove(this.context);
  }
}

/** A request to move that pod to the other cluster, by helpers, with nothing around it. */
export function helperRequest(parts: Pick<MigrationRequest, 'pod' | 'namespace' | 'helperImage'>): MigrationRequest {
  return {
    ...parts,
    targetNamespace: parts.namespace,
    engine: 'helper',
    route: 'none',
    ignoreManagers: false,
    copyDependencies: false,
    overwrite: [],
    deadlines: { ...DEFAULT_DEADLINES, maxFreeze: 60_000 },
  };
}
