import type { Readable, Writable } from 'node:stream';
import { MigrateError } from '../domain/errors.ts';

/**
 * Asks yes or no at the terminal, no being the default. Only for real terminals on both sides: inquirer takes a piped
 * newline for Enter. Throws F306 with outcome `interrupted` on Ctrl-C.
 */
export async function confirm(text: string, input: Readable, output: Writable): Promise<boolean> {
  const { default: inquirer } = await import('inquirer');
  try {
    const prompt = inquirer.createPromptModule({ input, output } as never);
    const answers = await prompt<{ answer: boolean }>([
      { type: 'confirm', name: 'answer', message: text, default: false },
    ]);
    return answers.answer;
  } catch (cause) {
    throw new MigrateError('F306', {
      detail: 'the question was not answered; nothing was changed',
      remedy: 'run the command again',
      outcome: 'interrupted',
      cause,
    });
  }
}
