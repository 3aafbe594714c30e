import { need } from '../../domain/need.ts';
import type { EngineContext } from '../engine.ts';
import type { HelperPods } from './helper-pods.ts';
import { restoredIn } from './rehearse.ts';
import type { WaitReport } from './start-pod.ts';
import { bySuccessor } from './successor.ts';

/**
 * The target runs. What a helper that is gone has restored stays stopped beside its placeholders: another one is started in
 * its place and takes it up. Idempotent.
 */
export async function letGoOn(pods: HelperPods, context: EngineContext, report: WaitReport): Promise<void> {
  const { results } = context;
  const { signal } = report;
  const place = results.place ?? need(results, 'placeholder');
  const side = results.place?.side ?? 'target';
  const containerIds = [...need(place, 'containerIds')];
  const afresh = place.afreshIds ? { afresh: [...place.afreshIds] } : {};
  const act = () => pods.call(side, 'continue', { containerIds, ...afresh }, { signal });
  const takeUp = () => pods.call(side, 'take-up-restored', restoredIn(results, containerIds), { signal });
  await bySuccessor(pods, side, { act, takeUp }, report);
}
