import { becomeReady } from '../fakes/fake-kubelet.ts';
import { MovingProgram } from '../fakes/moving-program.ts';
import { clustersWithCheckpoints, REPOSITORY } from '../fixtures/kubelet-move.ts';
import { IMAGE_BY_DIGEST } from '../fixtures/objects.ts';
import { kubeletContract } from './kubelet-contract.ts';

kubeletContract('fake', async () => {
  const clusters = clustersWithCheckpoints();
  const { api, clock, east, helpers, registry } = clusters;
  const program = new MovingProgram(clusters, { isCommitted: () => true });
  return {
    api: api.source,
    clock,
    namespace: 'shop',
    nodes: ['east-1', 'east-2'],
    image: IMAGE_BY_DIGEST,
    counter: { pod: 'cart-0', container: 'app' },
    store: registry,
    repository: REPOSITORY,
    count: async (pod) => {
      program.tick('asked');
      return program.count(pod === 'cart-0' ? 'source' : 'target');
    },
    letSucceed: async (pod) => becomeReady(east, 'shop', pod),
    archive: async (path) => {
      if (!program.archives.has(path)) throw new Error(`nothing lies at ${path}`);
      return helpers.source.archive;
    },
    close: async () => undefined,
  };
});
