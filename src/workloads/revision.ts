import type { Finding } from '../domain/finding.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';
import { isOnePlace, type OwnerFacts } from './owner-facts.ts';

/** By which a StatefulSet tells from which of its templates a pod was made. */
export const REVISION_LABEL = 'controller-revision-hash';

/** E122 for a pod of an earlier revision, kept by a partition or by OnDelete. Pure. */
export function revisionFindings(facts: OwnerFacts, owner: OwnerObject): Finding[] {
  const { pod } = facts;
  const mine = pod.metadata.labels?.[REVISION_LABEL];
  const current = owner.status?.updateRevision;
  if (current === undefined || mine === current) return [];
  return [
    {
      code: 'E122',
      severity: 'error',
      what: `pod ${pod.metadata.name} is of revision ${mine}, the set is at ${current}`,
      why: isOnePlace(facts)
        ? 'the set makes the pod anew from the present template, which is not this pod’s'
        : 'the set of the target knows the present template alone, and would take the pod for one of it',
      remedy: 'let the set bring its pods to one revision first',
      field: `metadata.labels[${REVISION_LABEL}]`,
    },
  ];
}
