import { configMapSink } from './config-map-place.ts';
import { journalContract } from './journal-contract.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';

journalContract('config map, lab', async () => {
  const cluster = connectLab('east');
  const { namespace, close } = await labNamespace(cluster, 'journal');
  return { connect: () => configMapSink(cluster.api, namespace), close };
});
