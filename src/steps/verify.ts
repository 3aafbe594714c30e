import { need } from './need.ts';
import type { Step } from './step.ts';

/** Every process of the image is there and stopped. */
export const verify: Step<'verify'> = {
  name: 'verify',
  phase: 'verify',
  title: 'check that every process is there',
  deadline: 'maxFreeze',
  covered: true,
  plan: () => [],
  async apply({ engine, results, signal }) {
    const { containerId } = need(results, 'placeholder');
    return engine.call('target', 'verify', { containerId }, { signal });
  },
};
