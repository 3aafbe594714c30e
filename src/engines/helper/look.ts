import type { Side } from '../../domain/refs.ts';
import type { HelperResult } from '../../helper/protocol.ts';
import type { EngineContext, EngineView } from '../engine.ts';
import type { HelperPods } from './helper-pods.ts';

type Status = HelperResult<'status'>;

/** A helper answers this at once, whatever it is at; one that has not by then, in ms, cannot be asked. */
const STATUS_MS = 10_000;

const SOURCE: Readonly<Record<Status['source']['state'], EngineView['source']>> = {
  idle: 'running',
  thawed: 'thawed',
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

/**
 * What both helpers say of themselves. A helper that cannot be asked may have left anything behind. The target's processes
 * may have been rebuilt on the source's node, where that one's helper has them.
 */
export async function look(pods: HelperPods, { results, signal }: EngineContext): Promise<EngineView> {
  const [means, source, target] = await Promise.all([
    pods.present(signal),
    lookAtSource(pods, signal),
    ask(pods, results.place?.side ?? 'target', signal),
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
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), STATUS_MS);
  const asked = pods.call(side, 'status', {}, { signal: AbortSignal.any([signal, late.signal]) });
  return asked.catch(() => undefined).finally(() => clearTimeout(timer));
}
