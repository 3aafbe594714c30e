import { auditChain, auditContract } from './audit-contract.ts';
import { connectLab, labNamespace } from './lab-namespace.ts';

auditContract('lab', async () => {
  const cluster = connectLab('east');
  const { namespace, close } = await labNamespace(cluster, 'audit');
  return { connect: () => auditChain(cluster.api, namespace), close };
});
