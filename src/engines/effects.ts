import type { Effect } from '../domain/effect.ts';
import type { EngineName, PlanDraft } from '../domain/plan.ts';
import { helperEngineEffects } from './helper/effects.ts';
import { kubeletEngineEffects } from './kubelet/effects.ts';

/** Every change to the clusters that an engine makes, each with the step that it belongs to. */
const EFFECTS: Readonly<Record<EngineName, (draft: PlanDraft) => Effect[]>> = {
  helper: helperEngineEffects,
  kubelet: kubeletEngineEffects,
};

/** What the planned engine does to the clusters in one step. Pure. */
export function engineEffects(step: string, draft: PlanDraft): Effect[] {
  return EFFECTS[draft.engine.name](draft).filter((effect) => effect.step === step);
}
