import { SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { HelperErrorBody, HelperOp } from '../../src/helper/protocol.ts';
import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import { bareContainerId } from '../../src/kube/pod-status.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { Clusters } from '../fixtures/two-clusters.ts';
import { takeCheckpoints } from './fake-kubelet.ts';

type SourceState = 'idle' | 'frozen' | 'sealed' | 'released' | 'thawed';
type TargetState = 'idle' | 'prepared' | 'restored' | 'continued' | 'discarded';

/** One copy of the program, in a container. */
interface Copy {
  count: number;
  stopped: boolean;
  /** Behind the network lock: no client reaches it. */
  cutOff: boolean;
  /** Restored by the runtime, which lets it run before the commit; no client is led to it until then. */
  readonly early: boolean;
}

/** What a helper knows and has, and what goes with its pod. Each can be asked for what either side of a move needs. */
interface HelperState {
  source: { state: SourceState; containerIds: readonly string[]; thawAt: number };
  target: { state: TargetState; containerIds: readonly string[] };
  images: boolean;
}

export interface ProgramOptions {
  /** The pod that it is in at first, in `shop` of cluster east. */
  readonly pod?: string;
  /** Whether the move is committed, as its record says. */
  readonly isCommitted?: () => boolean;
}

/**
 * The program inside the pod that is moved, and what helpers and runtimes do to it: the states of the real helpers, the
 * source’s timer that thaws what nobody sealed, and its last act when its pod is removed; a checkpoint by kubelet, and
 * the runtime that restores what the image of a new pod is a checkpoint of. The program counts up whenever a client
 * reaches it, who gets the number acknowledged. `tick` is called whenever something happens.
 */
export class MovingProgram {
  readonly #clusters: Clusters;
  readonly #isCommitted: () => boolean;
  readonly #uid: string | undefined;
  /** What the client was told. */
  acknowledged = 0;
  /** Moments at which two copies ran. */
  readonly twice: string[] = [];
  /** Checkpoints in the folder of the source’s kubelet. */
  readonly archives = new Set<string>();
  /** By container id. */
  readonly #copies = new Map<string, Copy>();
  /** Ids of containers that are there, by the uid of their pod. */
  readonly #containers = new Map<string, readonly string[]>();
  readonly #helpers: Record<Side, HelperState> = { source: newHelper(), target: newHelper() };
  /** The count that the last image or checkpoint was taken at. */
  #image = 0;

  constructor(clusters: Clusters, { pod = 'cart-0', isCommitted = () => false }: ProgramOptions = {}) {
    this.#clusters = clusters;
    this.#isCommitted = isCommitted;
    const { east, west, helpers } = clusters;
    for (const side of ['source', 'target'] as const)
      helpers[side].play = (op, args) => this.#atHelper(side, op, args as Record<string, unknown>);
    for (const cluster of new Set([east, west])) {
      for (const each of cluster.all(RESOURCES.pod, 'shop')) this.#containers.set(uidOf(each), idsOf(each as Pod));
      cluster.onChange((type, object) => this.#see(type, object));
    }
    takeCheckpoints(east, clusters.clock, (archive) => {
      // Kubelet leaves the container running.
      this.#image = this.count('source');
      this.archives.add(archive);
    });
    this.#uid = east.peek<Pod>(RESOURCES.pod, 'shop', pod)?.metadata.uid;
    for (const id of this.#containers.get(this.#uid ?? '') ?? [])
      this.#copies.set(id, { count: 0, stopped: false, cutOff: false, early: false });
  }

  /** A moment passes: timers fire, whoever runs counts, the client hears of it. */
  tick(when: string): void {
    for (const { source } of Object.values(this.#helpers))
      if (source.state === 'frozen' && this.#clusters.clock.now() >= source.thawAt) this.#thaw(source);
    const running = [...this.#copies.values()].filter(({ stopped }) => !stopped);
    if (running.length > 1) this.twice.push(when);
    for (const copy of running) {
      if (copy.cutOff || (copy.early && !this.#isCommitted())) continue;
      copy.count += 1;
      this.acknowledged += 1;
    }
  }

  /** Where it runs. */
  running(): Side[] {
    return this.#placed()
      .filter(({ copy }) => !copy.stopped)
      .map(({ side }) => side);
  }

  /** What the copy on one side has counted; the one that runs, where another is stopped there. */
  count(side: Side): number {
    const there = this.#placed().filter((each) => each.side === side);
    return (there.find(({ copy }) => !copy.stopped) ?? there[0])?.copy.count ?? 0;
  }

  #placed(): { readonly side: Side; readonly copy: Copy }[] {
    const atHome = this.#containers.get(this.#uid ?? '') ?? [];
    return [...this.#copies].map(([id, copy]) => ({ side: atHome.includes(id) ? 'source' : 'target', copy }));
  }

  #see(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    if (object.kind !== 'Pod') return;
    const { name, namespace } = object.metadata;
    if (namespace === SYSTEM_NAMESPACE && type === 'DELETED') this.#helperEnds(name);
    if (namespace !== 'shop') return;
    const pod = object as Pod;
    if (type === 'DELETED') {
      for (const id of this.#containers.get(uidOf(pod)) ?? []) this.#copies.delete(id);
      this.#containers.delete(uidOf(pod));
      return;
    }
    const known = this.#containers.get(uidOf(pod)) ?? [];
    this.#containers.set(uidOf(pod), idsOf(pod));
    for (const id of idsOf(pod)) {
      if (known.includes(id) || !isRestored(pod)) continue;
      this.#copies.set(id, { count: this.#image, stopped: false, cutOff: false, early: true });
    }
  }

  /** A helper that ends lets go of what nobody sealed; its record and its images go with its pod. */
  #helperEnds(name: string): void {
    const side = name.endsWith('-source') ? 'source' : 'target';
    const { source } = this.#helpers[side];
    if (source.state === 'frozen') this.#thaw(source);
    this.#helpers[side] = newHelper();
  }

  #thaw(source: HelperState['source']): void {
    for (const copy of this.#copiesIn(source.containerIds)) Object.assign(copy, { stopped: false, cutOff: false });
    source.state = 'thawed';
  }

  #copiesIn(ids: readonly string[]): Copy[] {
    return ids.map((id) => this.#copies.get(id)).filter((copy) => copy !== undefined);
  }

  #atHelper(side: Side, op: HelperOp, args: Record<string, unknown>): unknown {
    const helper = this.#helpers[side];
    if (op === 'status') return this.#status(helper);
    if (op === 'receive' && args['what'] === 'images') helper.images = true;
    if (op === 'remove-archive') this.archives.delete(String(args['archive']));
    return this.#asSource(helper, op, args) ?? this.#asTarget(helper, op, args);
  }

  #asSource(helper: HelperState, op: HelperOp, args: Record<string, unknown>): unknown {
    const { source } = helper;
    const stop = (what: Partial<Copy>) => {
      for (const copy of this.#copiesIn(source.containerIds)) Object.assign(copy, what);
    };
    switch (op) {
      case 'freeze':
        this.#becomeFrozen(source, args);
        stop({ stopped: true, cutOff: true });
        helper.images = true;
        this.#image = Math.max(...this.#copiesIn(source.containerIds).map(({ count }) => count));
        return undefined;
      case 'fence':
        this.#becomeFrozen(source, args);
        stop({ cutOff: true });
        return undefined;
      case 'halt':
        expectSame(source, asked(args));
        if (source.state !== 'frozen') throw refusal('already-thawed');
        stop({ stopped: true });
        return undefined;
      case 'take-up':
        this.#takeUp(source, asked(args));
        return {};
      case 'thaw':
        if (source.state === 'released') throw refusal('wrong-state');
        if (source.state === 'frozen' || source.state === 'sealed') {
          expectSame(source, asked(args));
          this.#thaw(source);
        }
        helper.images = false;
        return {};
      case 'seal':
        if (source.state === 'thawed') throw refusal('already-thawed');
        expectSame(source, asked(args));
        if (source.state !== 'frozen' && source.state !== 'sealed') throw refusal('wrong-state');
        if (this.#copiesIn(source.containerIds).length === 0) throw refusal('container-not-found');
        source.state = 'sealed';
        return { obstacle: '' };
      case 'release-connections':
        expectSame(source, asked(args));
        if (source.state !== 'sealed' && source.state !== 'released') throw refusal('wrong-state');
        source.state = 'released';
        return undefined;
      default:
        return undefined;
    }
  }

  #becomeFrozen(source: HelperState['source'], args: Record<string, unknown>): void {
    if (source.state !== 'idle' && source.state !== 'thawed') throw refusal('wrong-state');
    const containerIds = asked(args);
    if (this.#copiesIn(containerIds).length < containerIds.length) throw refusal('container-not-found');
    const thawAt = this.#clusters.clock.now() + Number(args['thawAfterMs']);
    Object.assign(source, { state: 'frozen', containerIds, thawAt });
  }

  #takeUp(source: HelperState['source'], containerIds: readonly string[]): void {
    if (source.state !== 'idle') return;
    const held = this.#copiesIn(containerIds).some(({ stopped, cutOff }) => stopped || cutOff);
    if (held) Object.assign(source, { state: 'sealed', containerIds });
  }

  #takeUpRestored(target: HelperState['target'], containerIds: readonly string[]): void {
    const copies = this.#copiesIn(containerIds);
    if (copies.length < containerIds.length) return;
    const state = copies.some(({ stopped }) => stopped) ? 'restored' : 'continued';
    Object.assign(target, { state, containerIds });
  }

  #asTarget(helper: HelperState, op: HelperOp, args: Record<string, unknown>): unknown {
    const { target } = helper;
    switch (op) {
      case 'prepare-restore':
        if (target.state === 'restored' || target.state === 'continued') throw refusal('wrong-state');
        if (!asked(args).every((id) => this.#isThere(id))) throw refusal('container-not-found');
        Object.assign(target, { state: 'prepared', containerIds: asked(args) });
        return undefined;
      case 'restore':
        expectSame(target, asked(args));
        if (target.state !== 'prepared') throw refusal('wrong-state');
        if (!helper.images) throw refusal('wrong-state');
        for (const id of target.containerIds.filter((each) => this.#isThere(each)))
          this.#copies.set(id, { count: this.#image, stopped: true, cutOff: false, early: false });
        target.state = 'restored';
        return undefined;
      case 'take-up-restored':
        if (target.state === 'idle') this.#takeUpRestored(target, asked(args));
        return {};
      case 'continue':
        expectSame(target, asked(args));
        if (target.state !== 'restored' && target.state !== 'continued') throw refusal('wrong-state');
        for (const copy of this.#copiesIn(target.containerIds)) copy.stopped = false;
        target.state = 'continued';
        helper.images = false;
        return undefined;
      case 'discard':
        if (target.state === 'idle' || target.state === 'discarded') return {};
        expectSame(target, asked(args));
        if (target.state === 'continued') throw refusal('wrong-state');
        for (const id of target.containerIds) this.#copies.delete(id);
        if (args['keepImages'] !== true) helper.images = false;
        target.state = 'discarded';
        return {};
      default:
        return undefined;
    }
  }

  #isThere(id: string): boolean {
    return [...this.#containers.values()].some((ids) => ids.includes(id));
  }

  #status({ source, target, images }: HelperState): unknown {
    const { state, thawAt, containerIds } = source;
    const thawInMs = state === 'frozen' ? Math.max(0, thawAt - this.#clusters.clock.now()) : null;
    return {
      version: 1,
      source: { state, containerIds: state === 'idle' ? [] : containerIds, thawInMs },
      target: { state: target.state, containerIds: target.state === 'idle' ? [] : target.containerIds },
      images,
      channels: [],
      deadlineInMs: 60_000,
    };
  }
}

function newHelper(): HelperState {
  return {
    source: { state: 'idle', containerIds: [], thawAt: 0 },
    target: { state: 'idle', containerIds: [] },
    images: false,
  };
}

/** The containers that an operation is about; some name their volumes with them. */
function asked({ containerIds, containers }: Record<string, unknown>): readonly string[] {
  if (Array.isArray(containerIds)) return containerIds as string[];
  return Array.isArray(containers) ? (containers as { id: string }[]).map(({ id }) => id) : [];
}

function expectSame({ containerIds, state }: HelperState[Side], ids: readonly string[]): void {
  if (state === 'idle' || containerIds.join() !== ids.join()) throw refusal('wrong-state');
}

function uidOf({ metadata }: KubeObject): string {
  return metadata.uid ?? '';
}

function idsOf({ status }: Pod): string[] {
  return (status?.containerStatuses ?? []).map(({ containerID }) => bareContainerId(containerID ?? '')).filter(Boolean);
}

/** What a runtime has restored is of another image than the checkpoint that it was asked to run. */
function isRestored({ spec, status }: Pod): boolean {
  const imageOf = (name: string) => status?.containerStatuses?.find((each) => each.name === name)?.imageID;
  return spec.containers.some(({ name, image }) => imageOf(name) !== image);
}

function refusal(code: HelperErrorBody['code']): HelperErrorBody {
  return { code, summary: 'not in this state', detail: '' };
}
