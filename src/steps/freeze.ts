import { CHANNEL } from '../engines/helper/helper-engine.ts';
import type { HelperResult } from '../helper/protocol.ts';
import { need } from './need.ts';
import type { Step } from './step.ts';

/**
 * The source is dumped and left stopped behind the network lock; images and changed files go to the target as soon as
 * they are there. The helper thaws by itself when the deadline passes without a seal, so a plugin that dies here
 * leaves a source that serves.
 */
export const freeze: Step<'freeze'> = {
  name: 'freeze',
  phase: 'freeze',
  title: 'freeze the source and take its image',
  deadline: 'maxFreeze',
  // Without its helper a frozen source stays frozen.
  revertNeeds: ['helpers'],
  plan: () => [],
  async apply({ plan, engine, results, signal }) {
    const { volumes } = need(results, 'probe');
    const { containerId } = need(results, 'placeholder');
    engine.expectImages(containerId, signal);
    const askedAt = Date.now();
    const frozen: HelperResult<'freeze'> = await engine.call(
      'source',
      'freeze',
      { containerId: plan.source.container.id, channel: CHANNEL, volumes, thawAfterMs: plan.deadlines.maxFreeze },
      { signal },
    );
    engine.sentImages(frozen);
    const { handover, criu, timings, images, delta } = frozen;
    return { handover, criu, timings, bytes: images.bytes + delta.bytes, askedAt };
  },
  async revert({ plan, engine, signal }) {
    if (engine.has('source'))
      await engine.call('source', 'thaw', { containerId: plan.source.container.id }, { signal });
  },
};
