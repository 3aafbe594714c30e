import { corednsImage } from './coredns.ts';
import type { LabImage } from './image.ts';
import { pause } from './pause.ts';
import { redis } from './redis.ts';

/** Images without which no pod runs and no name resolves. */
export const clusterImages: readonly LabImage[] = [pause, corednsImage];

/** Images that scenarios run. */
export const scenarioImages: readonly LabImage[] = [redis];
