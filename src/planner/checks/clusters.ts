import type { Finding } from '../../domain/finding.ts';
import { SYSTEM_NAMESPACE } from '../../domain/names.ts';
import { SIDES } from '../../domain/refs.ts';
import type { Facts } from '../facts.ts';
import { checkName } from './name-taken.ts';

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Whether the two ends are two places, the name is free, and helper pods are let in. Pure. */
export function checkClusters(facts: Facts): Finding[] {
  const { request, source, target } = facts;
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
  if (request.helperImage === undefined) {
    error(
      'E142',
      'no helper image is named',
      'helper pods on both nodes do the work',
      'name it with --helper-image or KUBECTL_MIGRATE_HELPER_IMAGE (npm run helper-image builds and pushes it)',
    );
  }
  for (const side of SIDES) {
    const level = facts.systemNamespaces[side]?.metadata.labels?.[ENFORCE];
    if (level === undefined || level === 'privileged') continue;
    error(
      'E141',
      `namespace ${SYSTEM_NAMESPACE} of ${facts[side].context} forbids privileged pods (${level})`,
      'helper pods must be privileged to take and restore a process image',
      `kubectl --context ${facts[side].context} label namespace ${SYSTEM_NAMESPACE} ${ENFORCE}=privileged --overwrite`,
      `metadata.labels[${ENFORCE}]`,
    );
  }
  return findings;
}
