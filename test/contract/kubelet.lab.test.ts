import { readFile } from 'node:fs/promises';
import { systemClock } from '../../src/kube/clock.ts';
import { current } from '../lab/index.ts';
import { Kubectl } from '../support/kubectl.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { kubeletContract } from './kubelet-contract.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';
import { labRegistry } from './lab-registry.ts';

kubeletContract('lab', async () => {
  const lab = current();
  if (!lab) throw new Error('no lab is running');
  const cluster = connectLab('east');
  const { namespace, close } = await labNamespace(cluster, 'kubelet');
  const store = labRegistry('kubelet');
  const kubectl = new Kubectl(lab);
  const run = (name: string, ...command: string[]) =>
    kubectl.run('east', ['-n', namespace, 'exec', name, '--', ...command]);
  const image = imageOf(lab, 'redis');
  // A checkpoint is restored with the mounts that it was taken with.
  const spec = { automountServiceAccountToken: false };
  await kubectl.apply('east', [pod({ namespace, name: 'counter', image, node: 'east-2', spec })]);
  await kubectl.ready('east', namespace, 'counter');
  return {
    api: cluster.api,
    clock: systemClock,
    namespace,
    nodes: ['east-2', 'east-1'],
    image,
    counter: { pod: 'counter', container: 'main' },
    store,
    repository: `${store.host}/${store.repository}`,
    count: async (name) => Number(await run(name, 'redis-cli', 'incr', 'count')),
    letSucceed: async (name) => {
      await run(name, 'touch', '/data/succeeds');
    },
    archive: async (path) => {
      const archive = await readFile(`/proc/${lab.nodes['east-2'].init}/root${path}`);
      await lab.exec('east-2', ['rm', path]);
      return archive;
    },
    close: async () => {
      store.close();
      await close();
    },
  };
});
