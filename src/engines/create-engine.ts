import type { PlannedArchive } from '../domain/plan.ts';
import type { Engine } from './engine.ts';
import { createHelperEngine } from './helper/helper-engine.ts';
import type { HelperPodsOptions } from './helper/helper-pods.ts';
import { createKubeletEngine } from './kubelet/kubelet-engine.ts';
import type { CheckpointStore } from './kubelet/pushed-images.ts';

export interface EngineOptions extends HelperPodsOptions {
  /** Connects to the place that the plan names for the archive. */
  readonly registryFor: (archive: PlannedArchive) => CheckpointStore;
}

/** The engine that the plan names. */
export function createEngine(options: EngineOptions): Engine {
  const { plan, registryFor } = options;
  switch (plan.engine.name) {
    case 'helper':
      return createHelperEngine(options);
    case 'kubelet':
      if (!plan.archive) throw new Error('a plan of the kubelet engine names an archive');
      return createKubeletEngine({ ...options, registry: registryFor(plan.archive) });
  }
}
