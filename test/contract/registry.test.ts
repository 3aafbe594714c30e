import { connectRegistry } from '../../src/transfer/registry/registry.ts';
import { FakeRegistry } from '../fakes/fake-registry.ts';
import { MemoryRegistry } from '../fakes/memory-registry.ts';
import { LOCALHOST } from '../fixtures/localhost-tls.ts';
import { registryContract } from './registry-contract.ts';

for (const deletes of [true, false]) {
  const which = deletes ? 'that deletes' : 'that keeps';

  registryContract(`in memory, ${which}`, deletes, async () => {
    const store = new MemoryRegistry();
    store.deletes = deletes;
    return { store, close: async () => undefined };
  });

  registryContract(`client of the fake, ${which}`, deletes, async () => {
    const fake = new FakeRegistry({ deletes });
    const store = connectRegistry({ host: await fake.listen(), repository: 'team/checkpoints', ca: LOCALHOST.cert });
    return {
      store,
      close: async () => {
        store.close();
        await fake.close();
      },
    };
  });
}
