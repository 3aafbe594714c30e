import { FAILURES } from '../../src/domain/errors.ts';
import { FINDINGS } from '../../src/domain/finding.ts';
import type { Side } from '../../src/domain/refs.ts';
import type { Cluster } from '../../src/kube/connect.ts';
import { listContexts } from '../../src/kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { podOutlook } from '../../src/planner/survey.ts';
import { MESSAGES } from '../../src/report/message.ts';
import { describeRecord } from '../../src/report/record-summary.ts';
import { age } from '../../src/ui/format.ts';
import { connectSide, kubeconfigOf } from '../connection.ts';
import { knownRecords } from '../evidence.ts';
import { type ConnectionOptions, clusterFlags } from '../flags/clusters.ts';
import { bareParser, lastOfEach } from '../introspect.ts';
import type { Streams } from '../streams.ts';
import type { Candidate } from './complete.ts';

/** Whoever waits at a prompt gives up before this, in kubectl's notation. */
const TIMEOUT = '2s';

/** What files and clusters offer. None of them fails: what cannot be had is not offered. */
export interface Live {
  contexts(side: Side): Promise<Candidate[]>;
  namespaces(side: Side): Promise<Candidate[]>;
  pods(): Promise<Candidate[]>;
  nodes(): Promise<Candidate[]>;
  migrations(): Promise<Candidate[]>;
  codes(): Candidate[];
}

/** Asks as the flags say that stand in the words already. */
export function liveFrom(words: readonly string[], streams: Streams): Live {
  const options = flagsIn(words);
  const asking = async <T>(side: Side, act: (cluster: Cluster) => Promise<T[]>): Promise<T[]> => {
    const cluster = connectSide(
      side,
      { 'request-timeout': TIMEOUT, 'to-request-timeout': TIMEOUT, ...options },
      streams.env,
    );
    try {
      return await act(cluster);
    } finally {
      cluster.close();
    }
  };
  const names = (objects: readonly KubeObject[]): Candidate[] =>
    objects.map(({ metadata }) => ({ value: metadata.name }));
  return {
    contexts: (side) =>
      offered(async () => {
        const kubeconfig = kubeconfigOf(side, options, streams.env);
        return listContexts(kubeconfig).map((value) => ({
          value,
          about: value === kubeconfig.currentContext ? 'current' : '',
        }));
      }),
    namespaces: (side) =>
      offered(() => asking(side, async ({ reader }) => names(await reader.list(RESOURCES.namespace)))),
    pods: () =>
      offered(() =>
        asking('source', async ({ reader, namespace, context }) => {
          const pods = await reader.list<Pod>(RESOURCES.pod, { namespace: options.namespace ?? namespace });
          return pods.map((pod) => ({ value: pod.metadata.name, about: aboutPod(pod, context) }));
        }),
      ),
    nodes: () => offered(() => asking('target', async ({ reader }) => names(await reader.list(RESOURCES.node)))),
    migrations: () =>
      offered(() =>
        asking('source', async ({ reader }) => {
          const records = await knownRecords([reader], streams);
          return records.map((record) => ({
            value: record.id,
            about: `${describeRecord(record).pod} ${record.state}`,
          }));
        }),
      ),
    codes: () => Object.entries({ ...FINDINGS, ...FAILURES, ...MESSAGES }).map(([value, about]) => ({ value, about })),
  };
}

function aboutPod(pod: Pod, context: string): string {
  const { owner, ageMs, obstacle } = podOutlook(pod, context, Date.now());
  return [owner || 'no owner', age(ageMs), obstacle ? `${obstacle.code} ${obstacle.what}` : '']
    .filter(Boolean)
    .join(', ');
}

type Given = Partial<ConnectionOptions> & { readonly namespace?: string };

function flagsIn(words: readonly string[]): Given {
  try {
    const parser = clusterFlags(bareParser());
    return lastOfEach(parser.parseSync([...words]) as Given, parser);
  } catch {
    return {};
  }
}

async function offered(act: () => Promise<Candidate[]>): Promise<Candidate[]> {
  try {
    return await act();
  } catch {
    // Nobody reads a message between two keystrokes.
    return [];
  }
}
