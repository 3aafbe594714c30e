import type { HelperErrorBody, HelperErrorCode } from './envelope.ts';

/** A failure that the plugin is told of as it is; anything else thrown becomes `internal`. */
export class HelperFailure extends Error {
  readonly code: HelperErrorCode;
  readonly detail: string;

  constructor(code: HelperErrorCode, summary: string, detail = '') {
    super(summary);
    this.code = code;
    this.detail = detail;
  }
}

/** Any thrown value as the error of a reply. */
export function toErrorBody(error: unknown): HelperErrorBody {
  const limit = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
  if (error instanceof HelperFailure) {
    return { code: error.code, summary: limit(error.message, 1000), detail: limit(error.detail, 60_000) };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', summary: 'the helper failed unexpectedly', detail: limit(text, 60_000) };
}
