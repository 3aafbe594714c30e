import { COMMANDS, PARENTS } from '../commands/index.ts';
import type { Streams } from '../streams.ts';
import { type Completion, complete } from './complete.ts';
import { liveFrom } from './live.ts';

const NO_FILES = 4;
const DEFAULT = 0;

/** Answers a Tab in the form that kubectl's shell scripts read: `value<TAB>what it is`, then a directive. Never fails. */
export async function answerTab(words: readonly string[], streams: Streams): Promise<void> {
  const live = liveFrom(words.slice(0, -1), streams);
  const completion = await complete(words, { commands: COMMANDS, parents: PARENTS, live });
  streams.stdout.write(render(completion));
}

function render({ candidates, files }: Completion): string {
  const lines = candidates.map(({ value, about }) => (about ? `${value}\t${about.replace(/\s+/g, ' ')}` : value));
  return `${[...lines, `:${files ? DEFAULT : NO_FILES}`].join('\n')}\n`;
}
