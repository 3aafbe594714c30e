import type { Finding } from '../../domain/finding.ts';
import type { Facts } from '../facts.ts';
import { checkName } from './name-taken.ts';

/** Whether the two ends are two places and the name is free. Pure. */
export function checkClusters(facts: Facts): Finding[] {
  const { source, target } = facts;
  const findings: Finding[] = [];
  const error = (code: Finding['code'], what: string, why: string, remedy: string, field?: string) =>
    findings.push({ code, severity: 'error', what, why, remedy, ...(field !== undefined && { field }) });
  if (facts.sameCluster) {
    error(
      'E107',
      `${source.context} and ${target.context} are the same cluster (${source.server})`,
      'a move inside one cluster has to free the pod’s name first, which is not supported yet',
      'name another cluster with --to-context',
    );
  } else findings.push(...checkName(facts));
  return findings;
}
