import type { Message } from '../report/message.ts';

/** How often the bytes of a copy are told where nothing can be drawn over, in ms. */
const COPY_MS = 5000;

/** Draws messages as plain lines with a clock: for logs, and terminals that cannot draw over what they show. */
export function lineRenderer(write: (text: string) => void, now: () => Date): (message: Message) => void {
  let last = '';
  let copiedAt = 0;
  return (message) => {
    // Progress and waits repeat; a line is worth printing once.
    if (message.text === last) return;
    const at = now();
    if (message.code === 'I407') {
      if (at.getTime() - copiedAt < COPY_MS) return;
      copiedAt = at.getTime();
    }
    last = message.text;
    const time = at.toTimeString().slice(0, 8);
    const phase = (message.phase ?? '').padEnd(8);
    write(`${time}  ${phase}  ${message.text}\n`);
  };
}
