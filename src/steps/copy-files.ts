import { CHANNEL } from '../engines/helper/helper-engine.ts';
import { sameDigest } from '../engines/helper/same-digest.ts';
import { need } from './need.ts';
import type { Step } from './step.ts';

/** Changed files and volumes go ahead while the source serves; within the freeze only what changed since follows. */
export const copyFiles: Step<'copy'> = {
  name: 'copy',
  phase: 'prepare',
  title: 'copy files ahead',
  deadline: 'copyTimeout',
  plan: () => [],
  async apply({ plan, engine, results, signal, copied }) {
    const { volumes } = need(results, 'probe');
    const { containerId } = need(results, 'placeholder');
    // The channel stays open for the freeze, whose bytes are not this step's.
    let own = true;
    await engine.openChannel(signal, (bytes, rate) => {
      if (own) copied(bytes, rate);
    });
    const [received, sent] = await Promise.all([
      engine.call('target', 'receive', { channel: CHANNEL, what: 'files', containerId }, { signal }),
      engine.call(
        'source',
        'precopy',
        { containerId: plan.source.container.id, channel: CHANNEL, volumes },
        { signal },
      ),
    ]);
    own = false;
    sameDigest('files', sent.transfer, received.transfer);
    return { bytes: sent.transfer.bytes, files: sent.files };
  },
};
