import { type FailureCode, failureCode, isMigrateError, MigrateError } from '../domain/errors.ts';
import { ApiFailure, type FailureInfo, type StatusInfo } from './api-client.ts';
import { CREDENTIALS_LATE, isTlsCode, neverSent, PROXY_REFUSED, PROXY_UNREACHABLE } from './failures.ts';

/** What was being done when a request failed, for the message. */
export interface ErrorContext {
  /** The API verb: get, list, watch, create, patch, delete. */
  readonly verb: string;
  /** Plural of the resource, `pods/exec` for a subresource. */
  readonly resource: string;
  /** `pod shop/cart-0`. */
  readonly object: string;
  readonly context: string;
  readonly server: string;
  /** The deadline of the whole call, in ms. */
  readonly timeoutMs: number;
}

/**
 * Gives a failed request its code, its sentence and what to do. Takes only the Status message from an answer:
 * never headers, never other bodies. What is a MigrateError already stays; an aborted signal becomes F306.
 */
export function toMigrateError(error: unknown, context: ErrorContext): unknown {
  if (isMigrateError(error)) return error;
  if (error instanceof ApiFailure) return fromInfo(error.info, context);
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return new MigrateError('F306', {
      detail: `interrupted while asked to ${context.verb} ${context.object} in ${context.context}`,
      remedy: 'start again when you are ready',
      outcome: 'interrupted',
    });
  }
  return error;
}

const REFUSALS: ReadonlySet<FailureCode> = new Set(['F312', 'F313', 'F314', 'F315', 'F316', 'F318', 'F399']);

/** Whether the API server, or what lets requests out of here, said no to a write: then it did not happen. */
export function isRefusal(error: unknown): boolean {
  const code = failureCode(error);
  return neverSent(error) || (code !== undefined && REFUSALS.has(code));
}

function fromInfo(info: FailureInfo, context: ErrorContext): MigrateError {
  switch (info.kind) {
    case 'status':
      return fromStatus(info.status, context);
    case 'transport':
      return new MigrateError('F310', {
        detail: `${context.server} (context ${context.context}): ${transportSentence(info, context)}`,
        remedy: transportRemedy(info.code),
        cause: new ApiFailure(info),
      });
    case 'timeout':
      return new MigrateError('F311', {
        detail: `${context.server} (context ${context.context}) took longer than ${context.timeoutMs} ms to ${context.verb} ${context.object}`,
        remedy: 'give it longer with --request-timeout, or look at the API server',
        cause: new ApiFailure(info),
      });
  }
}

function transportRemedy(code: string): string {
  if (code === PROXY_UNREACHABLE) return 'check proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY';
  if (code === CREDENTIALS_LATE) return 'log in again, or give it longer with --request-timeout';
  return isTlsCode(code)
    ? 'check certificate-authority, tls-server-name and the server address in the kubeconfig'
    : 'check the server address in the kubeconfig, the network, and that the cluster is up';
}

const REMEDIES: Partial<Record<FailureCode, (context: ErrorContext) => string>> = {
  F312: (context) => `log in again, or check the user: kubectl --context ${context.context} auth whoami`,
  F313: (context) =>
    `ask an administrator of ${context.context} to allow: ${context.verb} ${context.resource} (${context.object}); an API server that has just started refuses for some seconds: if it was allowed before, repeat the command`,
  F314: () => 'look whether somebody deleted it',
  F315: () => 'look what changed, and start again',
  F316: () => 'change what the message names, or the policy of the cluster',
  F317: () => 'try again later, or look at the API server',
  F318: () =>
    'look who made it: another move may be under way; remove it only if nobody needs it, or choose another name',
};

function fromStatus(status: StatusInfo, context: ErrorContext): MigrateError {
  const code = statusToFailure(status, context.verb);
  const message = status.message.replace(/\s+/g, ' ').slice(0, 1000);
  const remedy = REMEDIES[code]?.(context) ?? 'look at the API server';
  return new MigrateError(code, {
    detail: `${context.verb} ${context.object} (resource ${context.resource}) in ${context.context}: ${message}`,
    remedy,
  });
}

function statusToFailure(status: StatusInfo, verb: string): FailureCode {
  const writes = ['create', 'patch', 'update', 'delete'].includes(verb);
  switch (status.code) {
    case 401:
      return 'F312';
    case 403:
      // RBAC says `User "x" cannot get resource ...`; admission (Pod Security, quota) answers 403 too, in its own words.
      return writes &&
        !/ cannot \w+ resource /.test(status.message) &&
        /is forbidden|^admission webhook /.test(status.message)
        ? 'F316'
        : 'F313';
    case 404:
      return 'F314';
    case 409:
      return status.reason === 'AlreadyExists' ? 'F318' : 'F315';
    case 408:
    case 504:
      return 'F311';
    default:
      return status.code >= 500 || status.code === 429 || status.code === 410 ? 'F317' : 'F316';
  }
}

function transportSentence({ code, message }: { code: string; message: string }, context: ErrorContext): string {
  const { host, hostname } = URL.canParse(context.server)
    ? new URL(context.server)
    : { host: context.server, hostname: context.server };
  switch (code) {
    case 'ECONNREFUSED':
      return `the connection was refused: nothing listens on ${host}`;
    case 'ENOTFOUND':
      return `the name ${hostname} does not exist`;
    case 'EAI_AGAIN':
      return `the name ${hostname} cannot be looked up: the name service does not answer`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no route to ${host}`;
    case 'ETIMEDOUT':
      return `${host} does not answer`;
    case 'CERT_HAS_EXPIRED':
      return 'the certificate of the server has expired (or the clock of this machine is wrong)';
    case 'CERT_NOT_YET_VALID':
      return 'the certificate of the server is not valid yet (or the clock of this machine is wrong)';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of the server is not for ${host}`;
    case PROXY_UNREACHABLE:
    case CREDENTIALS_LATE:
      return message;
    case PROXY_REFUSED:
      return `the proxy on the way does not lead to ${host}`;
    case 'UNREADABLE':
      return 'the answer is not one of a Kubernetes API server';
    default:
      return isTlsCode(code) ? tlsSentence(code) : `the connection was lost (${code})`;
  }
}

function tlsSentence(code: string): string {
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return `the TLS handshake failed (${code}): is this an https port?`;
  if (/SELF_SIGNED|UNABLE_TO|SIGNATURE|ISSUER/.test(code)) {
    return `the certificate of the server is not signed by the authority that the kubeconfig names (${code})`;
  }
  return `the certificate of the server was not accepted (${code})`;
}
