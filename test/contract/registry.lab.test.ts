import { labRegistry } from './lab-registry.ts';
import { registryContract } from './registry-contract.ts';

registryContract('lab', true, async () => {
  const store = labRegistry('registry');
  return { store, close: async () => store.close() };
});
