import { current } from '../lab/index.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';
import { onePlaceContract } from './one-place-contract.ts';
import { workloadContract } from './workload-contract.ts';
import type { WorkloadWorld } from './workload-stage.ts';

const start = async (): Promise<WorkloadWorld> => {
  const clusters = { east: connectLab('east'), west: connectLab('west') };
  const east = await labNamespace(clusters.east, 'workloads');
  const west = await labNamespace(clusters.west, 'workloads', east.namespace);
  return {
    namespace: east.namespace,
    image: current()?.images['static'] ?? 'none',
    api: (place, side) => ({ ...clusters[place].api, side }),
    close: async () => {
      await east.close();
      await west.close();
    },
  };
};

workloadContract('lab', start);
onePlaceContract('lab', start);
