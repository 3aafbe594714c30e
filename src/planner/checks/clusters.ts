import type { Finding } from '../../domain/finding.ts';
import type { Facts } from '../facts.ts';
import { checkName } from './name-taken.ts';

/** Whether the name is free in the target. Pure. */
export function checkClusters(facts: Facts): Finding[] {
  // Its own name a pod has to itself, and gives up for the move.
  return facts.targetPod?.metadata.uid === facts.pod.metadata.uid ? [] : checkName(facts);
}
