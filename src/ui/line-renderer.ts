import type { Message } from '../report/message.ts';

/** Draws messages as plain lines with a clock: for terminals and logs alike. */
export function lineRenderer(write: (text: string) => void, now: () => Date): (message: Message) => void {
  let last = '';
  return (message) => {
    // Progress and waits repeat; a line is worth printing once.
    if (message.text === last) return;
    last = message.text;
    const time = now().toTimeString().slice(0, 8);
    const phase = (message.phase ?? '').padEnd(8);
    write(`${time}  ${phase}  ${message.text}\n`);
  };
}
