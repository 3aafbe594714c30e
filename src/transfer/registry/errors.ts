import { type FailureCode, MigrateError } from '../../domain/errors.ts';

/** What was being asked of a registry when it failed. */
export interface RegistryAct {
  readonly host: string;
  readonly repository: string;
  /** `start an upload`: for the sentence. */
  readonly act: string;
}

/** An answer that is not the one hoped for. `message` is the registry's own, from its list of errors. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const UNTRUSTED = /^(CERT_|ERR_TLS|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO|ERR_SSL)/;

/** A registry that gave no answer: not there, too slow, or not to be trusted. Pure. */
export function unreachable(error: unknown, { host, act }: RegistryAct): MigrateError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  if (UNTRUSTED.test(code)) {
    return new MigrateError('F381', {
      detail: `${host}: ${message} (${code})`,
      remedy: 'name the authority that signed its certificate with --registry-ca FILE',
      cause: error,
    });
  }
  return new MigrateError('F380', {
    detail: `${host} did not answer when asked to ${act}: ${message}${code && !message.includes(code) ? ` (${code})` : ''}`,
    remedy: 'check the address given with --registry, and that this machine reaches it',
    cause: error,
  });
}

/** No room: proxies say 413, WebDAV-like stores 507, distribution passes on the error of its disk, Harbor its quota. */
function isFull({ status, code, message }: Refusal): boolean {
  if (status === 413 || status === 507) return true;
  return /no space|ENOSPC|"Err":\s*28\b|quota|exceed/i.test(`${code} ${message}`);
}

const REMEDIES: Partial<Record<FailureCode, string>> = {
  F382: 'log in: docker login HOST (its configuration file is read, $DOCKER_CONFIG included), then try again',
  F383: 'let this user push there, take the registry out of its read-only mode, or name another with --registry',
  F384: 'make room in the registry, or name another with --registry',
  F385: 'look at the registry’s log, then try again',
};

/** What an answer other than the one hoped for means. Pure. */
export function refused(refusal: Refusal, { host, repository, act }: RegistryAct): MigrateError {
  const code = codeOf(refusal);
  const { status, message } = refusal;
  const said = [refusal.code, message].filter(Boolean).join(': ').replace(/\s+/g, ' ').slice(0, 500);
  return new MigrateError(code, {
    detail: `${host} was asked to ${act} in ${repository} and answered ${status}${said ? ` (${said})` : ''}`,
    remedy: (REMEDIES[code] ?? '').replace('HOST', host),
  });
}

function codeOf(refusal: Refusal): FailureCode {
  if (refusal.status === 401) return 'F382';
  if (isFull(refusal)) return 'F384';
  // distribution in read-only mode answers 405 UNSUPPORTED to every write.
  if (refusal.status === 403 || refusal.status === 405) return 'F383';
  return 'F385';
}
