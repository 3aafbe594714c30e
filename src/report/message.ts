import type { Json } from '../domain/json.ts';
import type { Phase } from '../domain/phase.ts';

/** Version of the NDJSON form of a message; raised when a field changes its meaning or goes away. */
export const MESSAGE_SCHEMA = 1;

/** Every message has a code that never changes its meaning; the texts carry no such promise. */
export const MESSAGES = {
  I401: 'plan made',
  I402: 'step started',
  I403: 'step done',
  I404: 'step failed',
  I405: 'step undone',
  I406: 'still waiting',
  I407: 'bytes copied',
  I408: 'committed',
  I409: 'moved',
  I410: 'rolled back',
  I411: 'interrupt received',
  I412: 'API request',
  W421: 'warning',
  W422: 'step is tried again',
  W423: 'certificate is not checked',
  W424: 'stopped at once',
} as const;

export type MessageCode = keyof typeof MESSAGES;

/** One event of a run. `text` is for people and holds no secrets; `data` is for programs. */
export interface Message {
  readonly code: MessageCode;
  readonly text: string;
  readonly phase?: Phase;
  readonly step?: string;
  readonly data?: Json;
}

/** A yes-or-no question. */
export interface Question {
  readonly text: string;
}

/**
 * Where the library's words go. `notify` never throws and never blocks; `ask` rejects with F303 when there is nobody
 * to ask.
 */
export interface Reporter {
  notify(message: Message): void;
  ask(question: Question): Promise<boolean>;
}
