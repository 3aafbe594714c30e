import { systemClock } from '../../src/kube/clock.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { FakeCluster } from '../fakes/fake-cluster.ts';
import { runKubelets } from '../fakes/fake-kubelet.ts';
import { runWorkloadControllers } from '../fakes/workload-controllers.ts';
import { namespace } from '../fixtures/objects.ts';
import { onePlaceContract } from './one-place-contract.ts';
import { workloadContract } from './workload-contract.ts';
import type { WorkloadWorld } from './workload-stage.ts';

const start = async (): Promise<WorkloadWorld> => {
  const clusters = { east: new FakeCluster({ clock: systemClock }), west: new FakeCluster({ clock: systemClock }) };
  Object.values(clusters).forEach((cluster, index) => {
    cluster.seed(RESOURCES.namespace, namespace('suite'));
    runKubelets(cluster, { network: `10.${index}.0` });
    runWorkloadControllers(cluster);
  });
  return {
    namespace: 'suite',
    image: 'registry.example/app:1',
    api: (place, side) => clusters[place].client(side, place),
    close: async () => undefined,
  };
};

workloadContract('fake', start);
onePlaceContract('fake', start);
