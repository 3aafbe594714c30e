import { MovingProgram } from '../fakes/moving-program.ts';
import { twoClusters } from '../fixtures/two-clusters.ts';
import { helperContract } from './helper-contract.ts';
import { type HelperWorld, helperRequest } from './helper-stage.ts';

const open = async (): Promise<HelperWorld> => {
  const clusters = twoClusters();
  const { clock, api } = clusters;
  const program = new MovingProgram(clusters);
  return {
    clock,
    request: helperRequest({ pod: 'cart-0', namespace: 'shop', helperImage: 'registry.example/helper:1' }),
    archive: '/var/lib/kubelet/checkpoints/checkpoint-cart-0_shop-app-2026-01-01T00:00:00Z.tar',
    api: (side) => api[side],
    ask: async (side) => {
      const before = program.count(side);
      program.tick('it is asked');
      return program.count(side) > before ? program.count(side) : undefined;
    },
    running: async () => program.running(),
    pass: async (ms) => {
      await clock.sleep(ms);
      program.tick('time passed');
    },
    setClock: async () => undefined,
    close: async () => undefined,
  };
};

helperContract('fake', open, [0]);
