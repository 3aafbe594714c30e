import { MESSAGE_SCHEMA, type Message } from '../report/message.ts';

/** One JSON document a line and message, with the version of its form. */
export function ndjsonRenderer(write: (text: string) => void, now: () => Date): (message: Message) => void {
  return (message) => write(`${JSON.stringify({ schema: MESSAGE_SCHEMA, time: now().toISOString(), ...message })}\n`);
}
