import type { HelperErrorBody, HelperOp } from '../../src/helper/protocol.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { Clusters } from '../fixtures/two-clusters.ts';

type SourceState = 'idle' | 'frozen' | 'sealed' | 'released' | 'thawed';
type TargetState = 'idle' | 'prepared' | 'restored' | 'continued' | 'discarded';

const ID = 'c0'.repeat(32);

/**
 * The program inside the pod that is moved, and what the two helpers do to it: the states of the real helpers, the
 * source’s timer that thaws what nobody sealed, and its last act when its pod is removed. The program counts up
 * whenever it runs; a client gets a number acknowledged each time. `time` is called whenever something happens.
 */
export class MovingProgram {
  readonly #clusters: Clusters;
  /** What the client was told. */
  acknowledged = 0;
  /** Moments at which two copies ran. */
  readonly twice: string[] = [];
  #source: { state: SourceState; thawAt: number; stopped: boolean; count: number } = {
    state: 'idle',
    thawAt: 0,
    stopped: false,
    count: 0,
  };
  #target: { state: TargetState; count: number } = { state: 'idle', count: 0 };
  #image = 0;

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
    const { east, west, helpers } = clusters;
    helpers.source.play = (op, args) => this.#atSource(op, args as Record<string, unknown>);
    helpers.target.play = (op) => this.#atTarget(op);
    east.onChange((type, { metadata: { name } }) => {
      // A helper that ends lets go of what nobody sealed; its record goes with its pod.
      if (type !== 'DELETED' || !/^helper-.*-source$/.test(name)) return;
      if (this.#source.state === 'frozen') this.#source.stopped = false;
      this.#source.state = 'idle';
    });
    west.onChange((type, { kind, metadata: { name } }) => {
      if (type === 'DELETED' && kind === 'Pod' && !name.startsWith('helper-'))
        this.#target = { state: 'idle', count: 0 };
      if (type === 'DELETED' && name.endsWith('-target') && this.#target.state !== 'continued')
        this.#target.state = this.#target.state === 'restored' ? 'restored' : 'idle';
    });
  }

  /** A moment passes: timers fire, whoever runs counts, the client hears of it. */
  tick(when: string): void {
    if (this.#source.state === 'frozen' && this.#clusters.clock.now() >= this.#source.thawAt) this.#thaw();
    const running = this.running();
    if (running.length > 1) this.twice.push(when);
    for (const side of running) {
      if (side === 'source') this.#source.count += 1;
      else this.#target.count += 1;
      this.acknowledged += 1;
    }
  }

  /** Where it runs. */
  running(): ('source' | 'target')[] {
    const { east, west, uid } = this.#clusters;
    const source = east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.metadata.uid === uid && !this.#source.stopped;
    const target = west.peek(RESOURCES.pod, 'shop', 'cart-0') !== undefined && this.#target.state === 'continued';
    return [...(source ? (['source'] as const) : []), ...(target ? (['target'] as const) : [])];
  }

  /** What the copy on one side has counted. */
  count(side: 'source' | 'target'): number {
    return side === 'source' ? this.#source.count : this.#target.count;
  }

  #thaw(): void {
    this.#source.stopped = false;
    this.#source.state = 'thawed';
  }

  #atSource(op: HelperOp, args: Record<string, unknown>): unknown {
    const source = this.#source;
    const { clock } = this.#clusters;
    switch (op) {
      case 'status':
        return this.#status();
      case 'freeze':
        if (source.state !== 'idle' && source.state !== 'thawed') throw refusal('wrong-state');
        source.stopped = true;
        source.state = 'frozen';
        source.thawAt = clock.now() + Number(args['thawAfterMs']);
        this.#image = source.count;
        return undefined;
      case 'take-up':
        if (source.state === 'idle' && source.stopped) source.state = 'sealed';
        return {};
      case 'thaw':
        if (source.state === 'released') throw refusal('wrong-state');
        if (source.state === 'frozen' || source.state === 'sealed') this.#thaw();
        return {};
      case 'seal':
        if (source.state === 'thawed') throw refusal('already-thawed');
        if (source.state !== 'frozen' && source.state !== 'sealed') throw refusal('wrong-state');
        source.state = 'sealed';
        return { obstacle: '' };
      case 'release-connections':
        if (source.state !== 'sealed' && source.state !== 'released') throw refusal('wrong-state');
        source.state = 'released';
        return undefined;
      default:
        return undefined;
    }
  }

  #atTarget(op: HelperOp): unknown {
    const target = this.#target;
    switch (op) {
      case 'status':
        return this.#status();
      case 'prepare-restore':
        if (target.state === 'restored' || target.state === 'continued') throw refusal('wrong-state');
        target.state = 'prepared';
        return undefined;
      case 'restore':
        if (target.state !== 'prepared') throw refusal('wrong-state');
        this.#target = { state: 'restored', count: this.#image };
        return undefined;
      case 'continue':
        if (target.state !== 'restored' && target.state !== 'continued') throw refusal('wrong-state');
        target.state = 'continued';
        return undefined;
      case 'discard':
        if (target.state === 'continued') throw refusal('wrong-state');
        if (target.state !== 'idle') target.state = 'discarded';
        return {};
      default:
        return undefined;
    }
  }

  #status(): unknown {
    const { state, thawAt } = this.#source;
    const thawInMs = state === 'frozen' ? Math.max(0, thawAt - this.#clusters.clock.now()) : null;
    return {
      version: 1,
      source: { state, containerIds: state === 'idle' ? [] : [ID], thawInMs },
      target: { state: this.#target.state, containerIds: this.#target.state === 'idle' ? [] : [ID] },
      channels: [],
      deadlineInMs: 60_000,
    };
  }
}

function refusal(code: HelperErrorBody['code']): HelperErrorBody {
  return { code, summary: 'not in this state', detail: '' };
}
