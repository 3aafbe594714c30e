import { type AnyCommand, commandWord } from '../command.ts';
import { type FlagInfo, flagsOfCommand } from '../introspect.ts';
import type { Live } from './live.ts';

/** One word that could come next, with what it is. */
export interface Candidate {
  readonly value: string;
  readonly about?: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** File names are wanted: the shell knows them better. */
  readonly files?: true;
}

const NOTHING: Completion = { candidates: [] };
const FILES: Completion = { candidates: [], files: true };
const FILE_FLAGS = /(^|-)(kubeconfig|certificate-authority|client-certificate|client-key|filename)$/;

export interface CompleteOptions {
  readonly commands: readonly AnyCommand[];
  readonly parents: Readonly<Record<string, string>>;
  /** Asks files and clusters. */
  readonly live: Live;
}

/** What could stand in the place of the last of the words, which may be empty or begun. */
export async function complete(words: readonly string[], options: CompleteOptions): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { command, parent, positionals, expects } = read(before, options);
  const [, inline, begun] = /^--([\w-]+)=(.*)$/.exec(current) ?? [];
  if (inline !== undefined && begun !== undefined) {
    const flag = flagOf(inline, command, options);
    const values = flag ? await valuesOf(flag, options.live) : NOTHING;
    return starting(
      { ...values, candidates: values.candidates.map((each) => ({ ...each, value: `--${inline}=${each.value}` })) },
      current,
    );
  }
  if (expects) return starting(await valuesOf(expects, options.live), current);
  if (current.startsWith('-')) return starting({ candidates: flagCandidates(command, options) }, current);
  if (command === undefined) return starting({ candidates: commandCandidates(parent, options) }, current);
  if (positionals > 0) return NOTHING;
  return positional(command, current, options.live);
}

interface Read {
  readonly command: AnyCommand | undefined;
  readonly parent: string | undefined;
  /** How many words stand for positionals already. */
  readonly positionals: number;
  /** The flag whose value comes next. */
  readonly expects: FlagInfo | undefined;
}

/** What the words before the last one say. */
function read(words: readonly string[], options: CompleteOptions): Read {
  const { commands, parents } = options;
  let command: AnyCommand | undefined;
  let parent: string | undefined;
  let positionals = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word.startsWith('-')) {
      const flag = word.includes('=') ? undefined : flagOf(word.replace(/^-+/, ''), command, options);
      if (!flag || flag.type === 'boolean' || flag.type === 'count') continue;
      if (at + 1 >= words.length) return { command, parent, positionals, expects: flag };
      at++;
    } else if (command) positionals++;
    else if (parent === undefined && word in parents) parent = word;
    else {
      command = commands.find(
        (each) => each.under === parent && (commandWord(each) === word || each.aliases?.includes(word)),
      );
      if (!command) positionals++;
    }
  }
  return { command, parent, positionals, expects: undefined };
}

function flagOf(name: string, command: AnyCommand | undefined, { commands }: CompleteOptions): FlagInfo | undefined {
  const candidates = command ? flagsOfCommand(command) : commands.flatMap(flagsOfCommand);
  return candidates.find((flag) => flag.name === name || flag.aliases.includes(name));
}

function flagCandidates(command: AnyCommand | undefined, { commands }: CompleteOptions): Candidate[] {
  const [first] = commands;
  const flags = command ? flagsOfCommand(command) : first ? flagsOfCommand(first) : [];
  return [
    ...flags.map(({ name, describe }) => ({ value: `--${name}`, about: describe })),
    { value: '--help', about: 'help' },
  ];
}

function commandCandidates(parent: string | undefined, { commands, parents }: CompleteOptions): Candidate[] {
  const own = commands
    .filter(({ under }) => under === parent)
    .map((each) => ({ value: commandWord(each), about: each.summary }));
  if (parent !== undefined) return own;
  return [...own, ...Object.entries(parents).map(([value, about]) => ({ value, about }))];
}

async function valuesOf(flag: FlagInfo, live: Live): Promise<Completion> {
  if (flag.choices.length > 0) return { candidates: flag.choices.map((value) => ({ value })) };
  if (FILE_FLAGS.test(flag.name)) return FILES;
  switch (flag.name) {
    case 'context':
      return { candidates: await live.contexts('source') };
    case 'to-context':
      return { candidates: await live.contexts('target') };
    case 'namespace':
      return { candidates: await live.namespaces('source') };
    case 'to-namespace':
      return { candidates: await live.namespaces('target') };
    case 'to-node':
      return { candidates: await live.nodes() };
    default:
      return NOTHING;
  }
}

async function positional({ usage }: AnyCommand, current: string, live: Live): Promise<Completion> {
  const [, name] = /[[<]([\w-]+)/.exec(usage) ?? [];
  switch (name) {
    case 'name': {
      const [, type = ''] = /^((?:pods?|po)\/)/.exec(current) ?? [];
      const pods = await live.pods();
      return starting({ candidates: pods.map((pod) => ({ ...pod, value: `${type}${pod.value}` })) }, current);
    }
    case 'id':
    case 'migration':
      return starting({ candidates: await live.migrations() }, current);
    case 'code':
      return starting({ candidates: live.codes() }, current.toUpperCase());
    default:
      return NOTHING;
  }
}

function starting(completion: Completion, begun: string): Completion {
  return { ...completion, candidates: completion.candidates.filter(({ value }) => value.startsWith(begun)) };
}
