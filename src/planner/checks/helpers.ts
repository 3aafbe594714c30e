import type { Finding } from '../../domain/finding.ts';
import { SYSTEM_NAMESPACE } from '../../domain/names.ts';
import type { Side } from '../../domain/refs.ts';
import type { Facts } from '../facts.ts';

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Whether helper pods can be made and are let in on these sides. Pure. */
export function checkHelpers(facts: Facts, sides: readonly Side[]): Finding[] {
  const findings: Finding[] = [];
  if (facts.request.helperImage === undefined) {
    findings.push({
      code: 'E142',
      severity: 'error',
      what: 'no helper image is named',
      why: 'helper pods on the nodes do the work',
      remedy: 'name it with --helper-image or KUBECTL_MIGRATE_HELPER_IMAGE (npm run helper-image builds and pushes it)',
    });
  }
  for (const side of sides) {
    const level = facts.systemNamespaces[side]?.metadata.labels?.[ENFORCE];
    if (level === undefined || level === 'privileged') continue;
    findings.push({
      code: 'E141',
      severity: 'error',
      what: `namespace ${SYSTEM_NAMESPACE} of ${facts[side].context} forbids privileged pods (${level})`,
      why: 'helper pods must be privileged to take and restore a process image',
      remedy: `kubectl --context ${facts[side].context} label namespace ${SYSTEM_NAMESPACE} ${ENFORCE}=privileged --overwrite`,
      field: `metadata.labels[${ENFORCE}]`,
    });
  }
  return findings;
}
