import { asMigrateError } from '../../src/domain/errors.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { Cluster } from '../../src/kube/connect.ts';
import { type Kubeconfig, listContexts } from '../../src/kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { memoryInUse, podOutlook, surveyCluster, surveyNodes } from '../../src/planner/survey.ts';
import { age, bytes } from '../../src/ui/format.ts';
import { type Choice, GrowingChoices } from '../../src/ui/prompt/choices.ts';

/** Fills a list in the background; what goes wrong is told in the list, and the list stays usable. */
function fill(act: (choices: GrowingChoices) => Promise<void>): GrowingChoices {
  const choices = new GrowingChoices();
  act(choices).then(
    () => choices.end(),
    (error: unknown) => choices.end(asMigrateError(error).detail),
  );
  return choices;
}

export interface ContextList {
  readonly kubeconfig: Kubeconfig;
  readonly side: Side;
  readonly signal: AbortSignal;
  connect(context: string): Cluster;
}

/** The contexts of a kubeconfig; each says whether its cluster answers as soon as that is known. */
export function contextChoices({ kubeconfig, connect, signal }: ContextList): GrowingChoices {
  return fill(async (choices) => {
    const names = listContexts(kubeconfig);
    const name = (context: string) => (context === kubeconfig.currentContext ? `${context} (current)` : context);
    choices.put(names.map((value) => ({ value, name: name(value), verdict: 'pending', reason: 'checking' })));
    await Promise.all(
      names.map(async (value) => {
        const judged = await judgeContext(() => connect(value), signal);
        choices.put([{ value, name: name(value), ...judged }]);
      }),
    );
  });
}

/** `reachable`, and what is known of it; or why not. */
export async function judgeContext(
  connect: () => Cluster,
  signal: AbortSignal,
): Promise<Pick<Choice, 'verdict' | 'reason'>> {
  try {
    const { nodes, helpersAllowed } = await surveyCluster(connect().reader, { signal });
    const facts = [
      'reachable',
      helpersAllowed ? 'helper engine allowed' : 'helper pods not allowed to you',
      nodes === undefined ? 'nodes not shown to you' : `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    ];
    return { verdict: 'good', reason: facts.join(' · ') };
  } catch (error) {
    const { detail, findings } = asMigrateError(error);
    return { verdict: 'bad', reason: findings[0]?.what ?? detail };
  }
}

/** The namespaces of a cluster. */
export function namespaceChoices(cluster: Cluster, signal: AbortSignal): GrowingChoices {
  return fill(async (choices) => {
    for await (const page of cluster.reader.pages<KubeObject>(RESOURCES.namespace, { signal })) {
      choices.put(page.map(({ metadata }) => ({ value: metadata.name })));
    }
  });
}

/** The pods of a namespace, page by page, each with what it shows by itself. */
export function podChoices(cluster: Cluster, namespace: string, signal: AbortSignal): GrowingChoices {
  return fill(async (choices) => {
    const now = Date.now();
    const { context } = cluster.reader;
    const seen = new Map<string, Pod>();
    const measuring = memoryInUse(cluster.reader, namespace, { signal });
    for await (const page of cluster.reader.pages<Pod>(RESOURCES.pod, { namespace, signal })) {
      for (const pod of page) seen.set(pod.metadata.name, pod);
      choices.put(page.map((pod) => podChoice(pod, context, now, undefined)));
    }
    const memory = await measuring;
    choices.put(
      [...memory].flatMap(([name, used]) => {
        const pod = seen.get(name);
        return pod ? [podChoice(pod, context, now, used)] : [];
      }),
    );
  });
}

function podChoice(pod: Pod, context: string, now: number, memory: number | undefined): Choice {
  const { owner, containers, ageMs, obstacle } = podOutlook(pod, context, now);
  const count = `${containers} ${containers === 1 ? 'container' : 'containers'}`;
  return {
    value: pod.metadata.name,
    about: [owner || 'no owner', count, ...(memory === undefined ? [] : [bytes(memory)]), age(ageMs)],
    ...(obstacle ? { verdict: 'bad', reason: `${obstacle.code} ${obstacle.what}` } : { verdict: 'good' }),
  };
}

/** Leaves the choice of the node to the planner. */
export const ANY_NODE = 'any';

/** The nodes of the target, each with a verdict for this pod; without the pod, their names alone. */
export function nodeChoices(
  pod: Pod | undefined,
  source: Cluster,
  target: Cluster,
  signal: AbortSignal,
): GrowingChoices {
  return fill(async (choices) => {
    choices.put([{ value: ANY_NODE, reason: 'the one with most room' }]);
    if (pod === undefined) {
      const nodes = await target.reader.list(RESOURCES.node, { signal });
      choices.put(nodes.map(({ metadata }) => ({ value: metadata.name })));
      return;
    }
    const candidates = await surveyNodes(pod, source.reader, target.reader, { signal });
    choices.put(
      candidates.map(({ node, reasons }) =>
        reasons.length === 0
          ? { value: node, verdict: 'good' }
          : { value: node, verdict: 'bad', reason: reasons.join(', ') },
      ),
    );
  });
}
