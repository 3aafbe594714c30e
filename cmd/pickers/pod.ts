import type { Side } from '../../src/domain/refs.ts';
import type { Cluster } from '../../src/kube/connect.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { surveyEngines } from '../../src/planner/survey.ts';
import { type Choice, type Choices, GrowingChoices } from '../../src/ui/prompt/choices.ts';
import { pick } from '../../src/ui/prompt/index.ts';
import { connectSide, kubeconfigOf } from '../connection.ts';
import { saysWhere } from '../flags/clusters.ts';
import type { PodOptions } from '../migrate-pod.ts';
import { promptStreams } from '../output.ts';
import { requestFor } from '../planning.ts';
import type { Streams } from '../streams.ts';
import { ANY_NODE, contextChoices, namespaceChoices, nodeChoices, podChoices } from './lists.ts';

export interface PodQuestions extends Omit<PodOptions, 'pod'> {
  readonly name?: string | undefined;
  /** A selector takes the place of a name. */
  readonly several?: boolean;
}

/** How long a cluster is waited for before the list says that it does not answer. */
const SURVEY_TIMEOUT = '3s';

/** What was picked, by flag. */
export type Picked = Readonly<Record<string, string>>;

/**
 * Asks for what a move of a pod still needs: everything that is open when the pod is not named, else where it goes. Each
 * answer is what its flag would have been given. Throws F306 when somebody ends it, F302.
 */
export async function pickPod(given: PodQuestions, streams: Streams): Promise<Picked> {
  const named = given.name !== undefined || given.several === true;
  if (named && saysWhere(given)) return {};
  const end = new AbortController();
  const asking = new Asking(given, streams, AbortSignal.any([end.signal, streams.interrupt]));
  try {
    if (!named) {
      await asking.context('source');
      await asking.namespace('source');
      await asking.pod();
    }
    await asking.context('target');
    await asking.namespace('target');
    await asking.node();
    await asking.engine();
    return asking.picked;
  } finally {
    end.abort();
    asking.close();
  }
}

type Initial = (choices: readonly Choice[]) => string | undefined;

function on(value: string | undefined): Initial {
  return () => value;
}

class Asking {
  readonly picked: Record<string, string> = {};
  readonly #given: PodQuestions;
  readonly #streams: Streams;
  readonly #signal: AbortSignal;
  readonly #connections = new Map<string, Cluster>();
  readonly #contexts: Readonly<Record<Side, GrowingChoices>>;

  constructor(given: PodQuestions, streams: Streams, signal: AbortSignal) {
    this.#given = given;
    this.#streams = streams;
    this.#signal = signal;
    const list = (side: Side) =>
      contextChoices({
        side,
        kubeconfig: kubeconfigOf(side, given, streams.env),
        connect: (context) => this.#connect(side, context, SURVEY_TIMEOUT),
        signal,
      });
    // Both at once: the target's clusters have answered by the time that somebody gets there.
    this.#contexts = { source: list('source'), target: list('target') };
  }

  async context(side: Side): Promise<void> {
    const flag = side === 'source' ? 'context' : 'to-context';
    if (this.#given[flag] !== undefined) return;
    const kubeconfig = kubeconfigOf(side, this.#given, this.#streams.env);
    const source = this.picked['context'] ?? this.#given.context ?? kubeconfig.currentContext;
    // Another cluster, and one that is known to answer as soon as one is.
    const other: Initial = (choices) => {
      const others = choices.filter(({ value, verdict }) => value !== source && verdict !== 'bad');
      return (others.find(({ verdict }) => verdict === 'good') ?? others[0])?.value;
    };
    const initial = side === 'source' ? on(kubeconfig.currentContext) : other;
    this.picked[flag] = await this.#pick(`${capital(side)} context`, this.#contexts[side], initial);
  }

  async namespace(side: Side): Promise<void> {
    const flag = side === 'source' ? 'namespace' : 'to-namespace';
    if (this.#given[flag] !== undefined) return;
    const cluster = this.#cluster(side);
    const own = this.picked['namespace'] ?? this.#given.namespace ?? this.#cluster('source').namespace;
    const list = namespaceChoices(cluster, this.#signal);
    const title = side === 'source' ? 'Namespace' : 'Target namespace';
    this.picked[flag] = await this.#pick(title, list, on(own), true);
  }

  async pod(): Promise<void> {
    const list = podChoices(this.#cluster('source'), this.#namespace(), this.#signal);
    this.picked['name'] = await this.#pick('Pod', list, undefined, true);
  }

  async node(): Promise<void> {
    if (this.#given['to-node'] !== undefined) return;
    const source = this.#cluster('source');
    const name = this.#podName() ?? '';
    const where = { namespace: this.#namespace(), signal: this.#signal };
    // Without it the plan says what is wrong; here it only costs the verdicts.
    const pod = await source.reader.get<Pod>(RESOURCES.pod, name, where).catch(() => undefined);
    const list = nodeChoices(pod, source, this.#cluster('target'), this.#signal);
    const node = await this.#pick('Target node', list, on(ANY_NODE));
    if (node !== ANY_NODE) this.picked['to-node'] = node;
  }

  /** Only where nobody said which, and more than one could do it. */
  async engine(): Promise<void> {
    const name = this.#podName();
    if (this.#given.engine !== 'auto' || name === undefined) return;
    const [source, target] = [this.#cluster('source'), this.#cluster('target')];
    const request = requestFor(name, { ...this.#given, ...this.picked }, source.namespace);
    // What stands in the way is told by the plan; here it only leaves nothing to choose.
    const usable = await surveyEngines(request, source.reader, target.reader, this.#signal).catch(() => []);
    if (usable.length < 2) return;
    const list = new GrowingChoices();
    list.put(usable.map(({ engine, about }) => ({ value: engine, about: [about] })));
    list.end();
    this.picked['engine'] = await this.#pick('Engine', list);
  }

  close(): void {
    for (const cluster of this.#connections.values()) cluster.close();
  }

  #pick(message: string, choices: Choices, initial?: Initial, free = false): Promise<string> {
    return pick({ message, choices, initial, free }, promptStreams(this.#streams));
  }

  #podName(): string | undefined {
    return this.picked['name'] ?? this.#given.name?.replace(/^.*\//, '');
  }

  #namespace(): string {
    return this.picked['namespace'] ?? this.#given.namespace ?? this.#cluster('source').namespace;
  }

  #cluster(side: Side): Cluster {
    const flag = side === 'source' ? 'context' : 'to-context';
    const kubeconfig = kubeconfigOf(side, this.#given, this.#streams.env);
    return this.#connect(side, this.picked[flag] ?? this.#given[flag] ?? kubeconfig.currentContext ?? '');
  }

  #connect(side: Side, context: string, timeout?: string): Cluster {
    const key = [side, context, timeout].join(' ');
    const flag = side === 'source' ? 'context' : 'to-context';
    const known = this.#connections.get(key);
    if (known) return known;
    const limit = timeout === undefined ? {} : { 'request-timeout': timeout, 'to-request-timeout': timeout };
    const cluster = connectSide(side, { ...this.#given, ...limit, [flag]: context }, this.#streams.env);
    this.#connections.set(key, cluster);
    return cluster;
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
