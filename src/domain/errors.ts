import type { Finding } from './finding.ts';
import { COMMAND } from './names.ts';

/**
 * How a run ended, as the process tells it.
 * 0 done, 1 failed with the source serving, 2 usage, 3 stopped midway and resumable, 4 rollback incomplete,
 * 5 declined, 6 locked or stale plan, 130 interrupted.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  midway: 3,
  rollbackIncomplete: 4,
  declined: 5,
  locked: 6,
  interrupted: 130,
} as const;

export type Outcome = keyof typeof EXIT;

/** Every failure that a user can meet, with a summary that holds no user data. Codes are stable. */
export const FAILURES = {
  F301: 'the command line is not understood',
  F302: 'there is no usable kubeconfig',
  F303: 'this needs a terminal or --yes',
  F304: 'you said no',
  F305: 'the plan cannot be carried out',
  F306: 'interrupted',
  F308: 'the plan file cannot be used',
  F309: 'the configuration cannot be used',
  F310: 'the API server cannot be reached',
  F311: 'the API server did not answer in time',
  F312: 'the API server does not know you',
  F313: 'you are not allowed to do this',
  F314: 'the object is gone',
  F315: 'the object was changed by somebody else',
  F316: 'the API server refused the object',
  F317: 'the API server failed',
  F318: 'the API server already has such an object',
  F320: 'a wait ran out of time',
  F330: 'the helper pod did not start',
  F331: 'the connection to the helper was lost',
  F332: 'the helper refused or failed',
  F333: 'the helper image cannot be pulled',
  F340: 'the process image could not be taken',
  F341: 'the process image could not be restored',
  F342: 'the copy does not match its digest',
  F343: 'the placeholder did not start',
  F344: 'the source changed under the move',
  F345: 'the runtime could not take the checkpoint',
  F346: 'the runtime could not restore the checkpoint',
  F348: 'the pod had to be restored on its own node',
  F347: 'the checkpoint is not what was expected',
  F349: 'the target changed under the move',
  F350: 'the record cannot be written or read',
  F351: 'the audit record could not be written',
  F352: 'the audit record was changed',
  F360: 'the command inside the pod failed',
  F362: 'the clusters are not as the plan found them',
  F363: 'a write of the plan would be refused',
  F370: 'another migration holds this pod',
  F371: 'the lock of this migration was taken by somebody else',
  F372: 'record and clusters contradict each other',
  F373: 'that is not possible at this point of the migration',
  F374: 'there is no record of such a migration',
  F380: 'the registry cannot be reached',
  F381: 'the certificate of the registry is not trusted',
  F382: 'the registry does not know you',
  F383: 'the registry lets nothing be written',
  F384: 'the registry is full',
  F385: 'the registry failed',
  F386: 'that is not an image of one platform',
  F387: 'the target node cannot pull the image',
  F390: 'the way back could not be finished',
  F391: 'the move stopped on its way',
  F399: `this is a defect in ${COMMAND}`,
} as const;

export type FailureCode = keyof typeof FAILURES;

export interface MigrateErrorOptions {
  /** What happened, why, with names. */
  readonly detail: string;
  /** What to do next: a command, a flag, or who can help. */
  readonly remedy: string;
  readonly cause?: unknown;
  readonly outcome?: Outcome;
  /** Set when the error is a refusal for reasons listed as findings. */
  readonly findings?: readonly Finding[];
  /** Somebody else has taken the migration up or ended it: its record or a lock of it is theirs. */
  readonly takenOver?: boolean;
}

const MARK = Symbol.for('kubectl-migrate.error');

/** The one error type that leaves a room. Its summary comes from FAILURES and holds no user data. */
export class MigrateError extends Error {
  readonly [MARK] = true;
  readonly code: FailureCode;
  readonly detail: string;
  readonly remedy: string;
  readonly outcome: Outcome;
  readonly findings: readonly Finding[];
  readonly takenOver: boolean;

  constructor(code: FailureCode, options: MigrateErrorOptions) {
    super(FAILURES[code], options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'MigrateError';
    this.code = code;
    this.detail = options.detail;
    this.remedy = options.remedy;
    this.outcome = options.outcome ?? 'failed';
    this.findings = options.findings ?? [];
    this.takenOver = options.takenOver ?? false;
  }
}

/** Guards by mark rather than by class, so that it holds across bundle borders. */
export function isMigrateError(error: unknown): error is MigrateError {
  return typeof error === 'object' && error !== null && MARK in error;
}

/** The code of a MigrateError, or undefined for anything else. */
export function failureCode(error: unknown): FailureCode | undefined {
  return isMigrateError(error) ? error.code : undefined;
}

/** Whether a failure says that somebody else has taken the migration up or ended it. */
export function isTakenOver(error: unknown): boolean {
  return isMigrateError(error) && error.takenOver;
}

/** A refusal before anything changed, with every reason at once. */
export function declined(findings: readonly Finding[]): MigrateError {
  return new MigrateError('F305', {
    detail: findings.map((finding) => `${finding.code} ${finding.what}`).join('\n'),
    remedy: findings.map((finding) => finding.remedy).join('\n'),
    outcome: 'declined',
    findings,
  });
}

/** Wraps whatever was thrown as a MigrateError; anything unknown is a defect of ours and says so. */
export function asMigrateError(error: unknown): MigrateError {
  if (isMigrateError(error)) return error;
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new MigrateError('F399', {
    detail,
    remedy: 'report it with the command line, the output and the version of both clusters',
    cause: error,
  });
}
