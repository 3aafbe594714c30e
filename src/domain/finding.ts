/** `error` stops the migration before anything changes; `warning` is shown and goes into the plan. */
export type Severity = 'error' | 'warning';

/**
 * Something the user should know before the move: stable code, what, why, and what to do about it.
 * `field` names the field of the object that it comes from, in kubectl's dotted notation.
 */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What is the case, with names. */
  readonly what: string;
  /** Why it matters for a move. */
  readonly why: string;
  /** What to do next: a command, a flag, or a field to change. */
  readonly remedy: string;
  readonly field?: string;
}

/**
 * Every finding that a plan or a probe can yield. E: stops the move. W: worth knowing.
 * Codes are stable; a code is never reused for another meaning.
 */
export const FINDINGS = {
  E101: 'context not found',
  E102: 'namespace not found',
  E103: 'pod not found',
  E104: 'node not found',
  E105: 'pod is not running',
  E106: 'pod is not ready',
  E107: 'source and target are the same place',
  E108: 'target already has a pod of that name',
  E109: 'container not found',
  E110: 'dependency is missing in the target',
  E111: 'object differs in the target',
  E112: 'nothing of that name is used',
  E120: 'pod uses something that cannot be moved yet',
  E121: 'owner cannot hand the pod over',
  E122: 'owner is changing',
  E123: 'other pods of the owner are not ready',
  E124: 'autoscaler would bring the pod back',
  E125: 'owner is managed by somebody else',
  E126: 'ordinal cannot be given up',
  E130: 'other processor architecture',
  E131: 'processor lacks features',
  E132: 'no node fits',
  E133: 'not enough room on the target node',
  E134: 'longer freeze than the source may have',
  E140: 'permission is missing',
  E141: 'namespace forbids privileged pods',
  E142: 'no helper image is named',
  E145: 'no registry is named',
  E146: 'runtime does not restore checkpoints',
  E147: 'runtime has a known vulnerability',
  E148: 'source cannot be held',
  E150: 'container holds something that cannot be moved',
  E151: 'process image cannot be taken from this node',
  E152: 'engine cannot move this pod',
  E160: 'target pod cannot be reached from the source cluster',
  E161: 'service of the target leads elsewhere',
  E162: 'service cannot be rerouted',
  E170: 'volume claim is not bound in the target',
  E171: 'volume has other files in the target',
  E172: 'volume cannot change hands',
  E180: 'target cluster refuses the pod',
  W201: 'memory keeps addresses and names of the source cluster',
  W202: 'services are not rerouted',
  W203: 'connections from outside are reset',
  W204: 'liveness probe may end the source during the freeze',
  W205: 'owner is left with fewer pods',
  W206: 'autoscaler sees fewer pods',
  W207: 'disruption budget does not move along',
  W208: 'owner is described elsewhere',
  W209: 'dependency differs in the target',
  W210: 'process image rests unsealed',
  W211: 'restarted container does not start afresh',
  W212: 'nodes cannot be compared',
  W213: 'source pod is deleted before the target pod is there',
  W214: 'liveness probe ends the held source',
  W215: 'other containers start afresh',
  W216: 'the program goes on with fewer capabilities',
  W220: 'persistent volume is used where it is',
  W221: 'init containers do not run again',
  W222: 'target cluster changes the pod',
} as const;

export type FindingCode = keyof typeof FINDINGS;

/** The findings that stop a move. */
export function blocking(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.severity === 'error');
}

/** Those that only a look from the nodes can yield: the API servers know nothing of them. */
export const FROM_THE_NODES: readonly FindingCode[] = ['E131', 'E133', 'E150', 'E151', 'W201', 'W203'];
