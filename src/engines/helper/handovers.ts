import { need } from '../../domain/need.ts';
import { helperOps } from '../../helper/protocol.ts';
import type { EngineResults } from '../engine.ts';

const schema = helperOps.restore.args.shape.handovers;

/** What the freeze has handed over for the restore, by container. */
export function handoversOf(results: EngineResults) {
  return schema.parse(need(results, 'freeze')['handovers']);
}
