import { need } from '../../domain/need.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Side } from '../../domain/refs.ts';
import { helperOps } from '../../helper/protocol.ts';
import type { EngineContext, EngineResults, Rehearsing } from '../engine.ts';
import { bothEnds } from './both-ends.ts';
import { handoversOf } from './handovers.ts';
import type { HelperPods } from './helper-pods.ts';
import type { SourceHelper } from './source-helper.ts';
import type { WaitReport } from './start-pod.ts';
import { bySuccessor } from './successor.ts';
import { withVolumes } from './with-volumes.ts';

/** Carries files from the target's node to the source's, where the move has to end after all. */
const BACK = 'back';

/** The helpers keep images and files of a restore, and restore them in other placeholders. */
export function createRehearsing(pods: HelperPods, keeper: SourceHelper): Rehearsing {
  return {
    attend: async ({ signal, waiting }) => {
      const report = { signal, onProgress: waiting };
      const [source, target] = await Promise.all([
        hasImages(pods, 'source', report),
        hasImages(pods, 'target', report),
      ]);
      return { source, target };
    },
    cutOff: ({ signal, waiting }) => keeper.release({ signal, onProgress: waiting }),
    clear: async ({ signal }, side) => {
      const { target } = await pods.call(side, 'status', {}, { signal });
      if (target.containerIds.length === 0 || target.state === 'continued') return;
      await pods.call(side, 'discard', { containerIds: target.containerIds, keepImages: true }, { signal });
    },
    goesOn: async ({ signal }, side) => {
      const { target } = await pods.call(side, 'status', {}, { signal });
      return target.state === 'continued';
    },
    restoreAgain: async (context, { side, containerIds: ids }) => {
      const { results, signal } = context;
      const containerIds = [...ids];
      await pods.call(side, 'take-up-restored', restoredIn(results, containerIds), { signal });
      const { target } = await pods.call(side, 'status', {}, { signal });
      const isThere = target.state === 'restored' || target.state === 'continued';
      if (isThere && target.containerIds.join() === containerIds.join()) return;
      await pods.call(side, 'prepare-restore', prepareArguments(context, containerIds), { signal });
      if (side === 'target') await carryOver(pods, context, containerIds);
      else await carryBack(pods, context, containerIds);
      const args = { containerIds, handovers: handoversOf(results), ...losses(context.plan) };
      await pods.call(side, 'restore', args, { signal });
    },
  };
}

/** What placeholders are told ahead of the restore. */
export function prepareArguments({ plan, results }: EngineContext, containerIds: readonly string[]) {
  const { volumes } = need(results, 'probe');
  const points = withVolumes(plan, containerIds, volumes).map((each) => each.volumes.map(({ mountPath }) => mountPath));
  return { ...placesOf(results, containerIds), volumes: points };
}

/** What placeholders have beside them once it is restored. */
export function restoredIn(results: EngineResults, containerIds: readonly string[]) {
  return { ...placesOf(results, containerIds), handovers: handoversOf(results) };
}

function placesOf(results: EngineResults, containerIds: readonly string[]) {
  return { containerIds: [...containerIds], sourceAddresses: [...need(results, 'probe').addresses] };
}

/** Whether a side's helper keeps the images; another one in its place has none. */
async function hasImages(pods: HelperPods, side: Side, report: WaitReport): Promise<boolean> {
  const act = () => pods.call(side, 'status', {}, { signal: report.signal });
  return (await bySuccessor(pods, side, { act, takeUp: async () => undefined }, report)).images;
}

const mayLose = helperOps.restore.args.shape.mayLose;

/** What the processes may go on without, as the plan has said. */
export function losses({ target: { withoutCapabilities } }: Plan) {
  return withoutCapabilities === undefined ? {} : { mayLose: mayLose.parse(withoutCapabilities) };
}

/** The containers of the rehearsal, which have the source's files. */
function rehearsal({ plan, results }: EngineContext) {
  const { volumes } = need(results, 'probe');
  return withVolumes(plan, need(need(results, 'placeholder'), 'containerIds'), volumes);
}

async function carryOver(pods: HelperPods, context: EngineContext, containerIds: string[]): Promise<void> {
  const args = { from: rehearsal(context), containerIds };
  await pods.call('target', 'carry-files', args, { signal: context.signal });
}

async function carryBack(pods: HelperPods, context: EngineContext, containerIds: string[]): Promise<void> {
  const { signal, copied } = context;
  await pods.openChannel({ channel: BACK, from: 'target', to: 'source' }, signal, copied);
  await bothEnds(
    'files',
    pods.call('target', 'precopy', { channel: BACK, containers: rehearsal(context) }, { signal }),
    pods.call('source', 'receive', { channel: BACK, what: 'files', containerIds }, { signal }),
  );
}
