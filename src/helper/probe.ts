import type { ContainerFacts, MovedVolume } from './facts.ts';
import { HelperFailure } from './failure.ts';

/** STUB */
export async function probeContainer(_containerId: string, _volumes: readonly MovedVolume[]): Promise<ContainerFacts> {
  throw new HelperFailure('internal', 'not there yet');
}
