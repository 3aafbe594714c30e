import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Side } from '../../src/domain/refs.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { setClock } from '../lab/clock.ts';
import { current } from '../lab/index.ts';
import { processesOfPod } from '../lab/processes.ts';
import { Kubectl } from '../support/kubectl.ts';
import { imageOf, pod, WITHOUT_IO_URING } from '../support/manifests.ts';
import { processesOf } from '../support/node-processes.ts';
import { helperContract } from './helper-contract.ts';
import { type HelperWorld, helperRequest } from './helper-stage.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';

const NODES = { source: 'east-2', target: 'west-1' } as const;
/** Who is silent for so long answers nobody, in ms. */
const SILENCE_MS = 1500;
const COUNTER = { name: 'counter', port: 8080 } as const;

async function open(): Promise<HelperWorld> {
  const lab = current();
  if (!lab) throw new Error('no lab is running');
  const kubectl = new Kubectl(lab);
  const clusters = { source: connectLab('east'), target: connectLab('west') };
  const source = await labNamespace(clusters.source, 'helper');
  const target = await labNamespace(clusters.target, 'helper', source.namespace);
  const { namespace } = source;
  const image = imageOf(lab, 'node-counter');
  await kubectl.apply('east', [pod({ namespace, image, node: NODES.source, ...COUNTER, ...WITHOUT_IO_URING })]);
  await kubectl.ready('east', namespace, COUNTER.name);
  const archive = `/var/lib/kubelet/checkpoints/checkpoint-counter_${namespace}-main-2026-01-01T00:00:00Z.tar`;
  const onNode = path.join('/proc', String(lab.nodes[NODES.source].init), 'root', archive);
  mkdirSync(path.dirname(onNode), { recursive: true });
  writeFileSync(onNode, 'nobody restores this');
  /** Whether the program runs there; what waits for it in the target is another one. */
  const runs = async (side: Side): Promise<boolean> => {
    const found = await clusters[side].reader.get<Pod>(RESOURCES.pod, COUNTER.name, { namespace });
    const all = found ? await processesOf(lab, NODES[side], found.metadata.uid ?? '') : [];
    return all.some(({ name, state }) => name === 'node' && state !== 'T');
  };
  return {
    clock: systemClock,
    request: {
      ...helperRequest({ pod: COUNTER.name, namespace, helperImage: lab.helperImage ?? '' }),
      targetNode: NODES.target,
    },
    archive,
    api: (side) => clusters[side].api,
    ask: async (side) => {
      const path = `/api/v1/namespaces/${namespace}/pods/${COUNTER.name}:${COUNTER.port}/proxy/`;
      const asked = { method: 'GET', path, proxied: true, timeoutMs: SILENCE_MS } as const;
      const answer = await clusters[side].api.request(asked).catch(() => undefined);
      return (answer as { count: number } | undefined)?.count;
    },
    running: async () => {
      const [here, there] = await Promise.all([runs('source'), runs('target')]);
      return [...(here ? (['source'] as const) : []), ...(there ? (['target'] as const) : [])];
    },
    pass: (ms) => systemClock.sleep(ms),
    setClock: async (helperUid, seconds) => {
      for (const id of processesOfPod(helperUid)) await setClock(id, seconds);
    },
    close: async () => {
      rmSync(onNode, { force: true });
      await Promise.all([source.close(), target.close()]);
    },
  };
}

helperContract('lab', open, [0, 3600, -3600]);
