import type { UpOptions } from './options.ts';
import type { Say } from './progress.ts';

/** Placeholder until the checks are written. */
export async function preflight(_options: UpOptions, _say: Say): Promise<void> {}
