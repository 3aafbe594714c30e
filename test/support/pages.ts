import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { expect } from 'vitest';
import { screenshot, wordsOf } from '../docs/screenshot.ts';
import { lasting, leftOutAs, transcriptsOf, withOutputs } from '../docs/transcripts.ts';
import { type Scenario, type ScenarioOptions, scenario } from './scenario.ts';
import { KEYS, type TerminalSession } from './terminal.ts';

const docs = path.resolve(import.meta.dirname, '../../docs');
/** Pages and pictures are written anew instead of compared. */
const RENEW = process.env['DOCS'] === 'write';
/** The namespace that pages and pictures tell of. */
const SHOWN = 'shop';
const COLUMNS = 160;

/** A scenario that pages tell of: in a namespace of its own when compared, in the one that is shown when written. */
export function shownScenario(options: ScenarioOptions, act: (scene: Scenario) => Promise<void>): Promise<void> {
  return scenario(RENEW ? { ...options, namespace: SHOWN } : options, async (scene) => {
    // What another scenario did in that namespace is no part of this one's page.
    const cleanUp = ['cleanup', '--all-finished', '--context', 'east', '--to-context', 'west'];
    if (RENEW) expect(await scene.migrate(cleanUp)).toMatchObject({ code: 0 });
    await act(scene);
  });
}

/** Has a command typed at a prompt as a page has it; whatever it asks is answered with yes. Yields what is shown in the end. */
async function typed(command: string, { namespace, terminal }: Scenario): Promise<string> {
  const words = command.replace(/^kubectl migrate ?/, '').split(' ');
  const at = terminal(
    words.map((word) => (word === SHOWN ? namespace : word)),
    { columns: COLUMNS, rows: 60 },
  );
  const over = at.exit().then(() => undefined);
  const asked = at.shows(/\(y\/N\)/, 120_000).then(() => at.type(`y${KEYS.enter}`));
  // A command that asks nothing ends; the question that never comes is no failure then.
  await Promise.race([over, asked]);
  asked.catch(() => undefined);
  await over;
  return shownBy(at, namespace);
}

/** What a terminal shows, but for what is chance, as if of the namespace that pages tell of. */
function shownBy(at: TerminalSession, namespace: string): string {
  return (
    at
      .screen()
      .replaceAll(namespace, SHOWN)
      // A lab that is used by hand may hold records that another version has written.
      .replace(/^not all records can be read.*\n/m, '')
      // Kubelet, which asks whether the pod is ready, may be connected to it at the moment of the look.
      .replace(/^W203 .*\n/m, '')
  );
}

/** Types every command of a page in its order and compares what comes with what the page says. */
export async function expectTranscripts(file: string, scene: Scenario): Promise<void> {
  const page = readFileSync(path.join(docs, file), 'utf8');
  const outputs: string[] = [];
  for (const { command, output } of transcriptsOf(page)) {
    const shown = leftOutAs(output, await typed(command, scene));
    outputs.push(shown);
    if (!RENEW) expect(lasting(shown), `${file}: $ ${command}\nrenew with: npm run docs:lab`).toBe(lasting(output));
  }
  if (RENEW) writeFileSync(path.join(docs, file), withOutputs(page, outputs));
}

const PICTURES = {
  'picker.svg': 'Picking a pod: its owner, its containers, its age, and why another one cannot be moved',
  'plan.svg': 'The plan of a move: every change to either cluster, and the question whether to go on',
  'live.svg': 'A move that has ended: what each phase took, and where the pod serves now',
} as const;

/** Compares the words of a picture with the terminal. */
export function expectPicture(file: keyof typeof PICTURES, at: TerminalSession, namespace: string): void {
  const lines = at.cells().map((line) => line.slice(0, line.findLastIndex(({ text }) => text !== ' ') + 1));
  const picture = screenshot(PICTURES[file], lines);
  if (RENEW) writeFileSync(path.join(docs, file), picture);
  else {
    // Lines are broken wherever the terminal ends, which names of other lengths move.
    const inOne = (text: string) => lasting(text).replace(/\s+/g, '');
    const shown = wordsOf(readFileSync(path.join(docs, file), 'utf8'));
    expect(inOne(shownBy(at, namespace)), `docs/${file}; renew with: npm run docs:lab`).toBe(inOne(shown));
  }
}
