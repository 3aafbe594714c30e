import { clusterContract } from './cluster-contract.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';

clusterContract('lab', async () => {
  const cluster = connectLab('east');
  const { namespace, close } = await labNamespace(cluster, 'cluster');
  return { api: cluster.api, namespace, close };
});
