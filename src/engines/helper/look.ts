import type { Side } from '../../domain/refs.ts';
import type { HelperResult } from '../../helper/protocol.ts';
import type { EngineView } from '../engine.ts';
import type { HelperPods } from './helper-pods.ts';

type Status = HelperResult<'status'>;

const SOURCE: Readonly<Record<Status['source']['state'], EngineView['source']>> = {
  idle: 'running',
  thawed: 'running',
  frozen: 'frozen',
  sealed: 'sealed',
  released: 'released',
};

const TARGET: Readonly<Record<Status['target']['state'], EngineView['target']>> = {
  idle: 'waiting',
  prepared: 'waiting',
  discarded: 'waiting',
  restored: 'restored',
  continued: 'running',
};

/** What both helpers say of themselves. A helper that cannot be asked may have left anything behind. */
export async function look(pods: HelperPods, signal: AbortSignal): Promise<EngineView> {
  const [means, source, target] = await Promise.all([
    pods.present(signal),
    lookAtSource(pods, signal),
    ask(pods, 'target', signal),
  ]);
  return { means, source, target: target ? TARGET[target.target.state] : 'unknown' };
}

/** What the source’s helper says of it. */
export async function lookAtSource(pods: HelperPods, signal: AbortSignal): Promise<EngineView['source']> {
  const status = await ask(pods, 'source', signal);
  return status ? SOURCE[status.source.state] : 'unknown';
}

async function ask(pods: HelperPods, side: Side, signal: AbortSignal): Promise<Status | undefined> {
  if (!pods.has(side)) return undefined;
  return pods.call(side, 'status', {}, { signal }).catch(() => undefined);
}
