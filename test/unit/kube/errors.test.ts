import { describe, expect, it } from 'vitest';
import { isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { ApiFailure, type FailureInfo } from '../../../src/kube/api-client.ts';
import { type ErrorContext, toMigrateError } from '../../../src/kube/errors.ts';

const context: ErrorContext = {
  verb: 'create',
  resource: 'pods',
  object: 'pod shop/cart-0',
  context: 'west',
  server: 'https://west.example:6443',
  timeoutMs: 10_000,
};

function translate(info: FailureInfo, changes: Partial<ErrorContext> = {}): MigrateError {
  const error = toMigrateError(new ApiFailure(info), { ...context, ...changes });
  if (!isMigrateError(error)) throw new Error('not translated');
  return error;
}

const status = (code: number, reason = '', message = 'words'): FailureInfo => ({
  kind: 'status',
  status: { code, reason, message },
});
const transport = (code: string): FailureInfo => ({ kind: 'transport', code, message: 'secret-token', sent: true });

describe('answers of the API server', () => {
  it('do not send anybody off to remove what another move has made', () => {
    expect(translate(status(409, 'AlreadyExists')).remedy).toMatch(/another move may be under way; remove it only if/);
  });

  it.each([
    [401, 'Unauthorized', 'F312'],
    [403, 'Forbidden', 'F313'],
    [404, 'NotFound', 'F314'],
    [409, 'AlreadyExists', 'F318'],
    [409, 'Conflict', 'F315'],
    [422, 'Invalid', 'F316'],
    [400, 'BadRequest', 'F316'],
    [429, 'TooManyRequests', 'F317'],
    [500, 'InternalError', 'F317'],
    [503, '', 'F317'],
    [504, 'Timeout', 'F311'],
  ] as const)('%i %s is %s', (code, reason, failure) => {
    expect(translate(status(code, reason)).code).toBe(failure);
  });

  it('a missing permission names verb and resource', () => {
    const message =
      'pods is forbidden: User "ann" cannot create resource "pods" in API group "" in the namespace "shop"';
    const error = translate(status(403, 'Forbidden', message));
    expect(error.code).toBe('F313');
    expect(error.detail).toContain('User "ann" cannot create resource "pods"');
    expect(error.remedy).toContain('create pods (pod shop/cart-0)');
  });

  it('a missing permission that was there before may be an API server that has just started', () => {
    expect(translate(status(403, 'Forbidden')).remedy).toMatch(/has just started .* repeat the command$/);
  });

  it('a refusal by admission is no missing permission', () => {
    const message = 'pods "cart-0" is forbidden: violates PodSecurity "restricted:latest": privileged';
    expect(translate(status(403, 'Forbidden', message)).code).toBe('F316');
    const webhook = 'admission webhook "policy.example" denied the request: no such registry';
    expect(translate(status(403, 'Forbidden', webhook)).code).toBe('F316');
  });

  it('keeps a message to one line of bounded length', () => {
    const error = translate(status(422, 'Invalid', `a\nb${'c'.repeat(5000)}`));
    expect(error.detail.length).toBeLessThan(1200);
    expect(error.detail).not.toContain('\n');
  });
});

describe('no answer', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens on west.example:6443'],
    ['ENOTFOUND', 'the name west.example does not exist'],
    ['EAI_AGAIN', 'the name service does not answer'],
    ['EHOSTUNREACH', 'there is no route'],
    ['ECONNRESET', 'the connection was lost'],
    ['CERT_HAS_EXPIRED', 'has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'is not for west.example:6443'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'not signed by the authority'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not signed by the authority'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'is this an https port?'],
    ['UNREADABLE', 'not one of a Kubernetes API server'],
  ])('%s has its own sentence', (code, words) => {
    const error = translate(transport(code));
    expect(error.code).toBe('F310');
    expect(error.detail).toContain(words);
    expect(error.detail + error.remedy).not.toContain('secret-token');
  });

  it('credentials that do not come say from whom, and what to do', () => {
    const message = 'the credential plugin aws did not answer within 10000 ms';
    const error = translate({ kind: 'transport', code: 'CREDENTIALS_LATE', message, sent: false });
    expect(error.code).toBe('F310');
    expect(error.detail).toContain(message);
    expect(error.remedy).toMatch(/^log in again, .* --request-timeout$/);
  });

  it('a deadline names its flag', () => {
    const error = translate({ kind: 'timeout', ms: 10_000, sent: true });
    expect(error.code).toBe('F311');
    expect(error.detail).toContain('10000 ms');
    expect(error.remedy).toContain('--request-timeout');
  });
});

describe('what is no failure of a request', () => {
  it('stays what it is', () => {
    const known = new MigrateError('F320', { detail: 'd', remedy: 'r' });
    const defect = new TypeError('x');
    expect(toMigrateError(known, context)).toBe(known);
    expect(toMigrateError(defect, context)).toBe(defect);
  });

  it('an aborted signal is an interrupt', () => {
    expect(toMigrateError(AbortSignal.abort().reason, context)).toMatchObject({ code: 'F306', outcome: 'interrupted' });
  });
});
