import { parseArgs } from 'node:util';
import { parseRuntime, type UpOptions } from './options.ts';
import { isNodeName, type NodeName, nodeNames } from './topology.ts';

/** Words that make no command; the message tells what is wrong with them. */
export class UsageError extends Error {}

export const usage = `usage: npm run lab -- COMMAND
  up [--isolated] [--runtime NODE=containerd-2.4|crio]... [--latency MS] [--fresh]
  down
  status
  kubeconfig
  images        (makes and pushes the images of this checkout to the running lab)
  shell NODE [-- COMMAND...]
  logs NODE [PROGRAM]
nodes: ${nodeNames.join(', ')}
`;

/** What the lab is asked to do. */
export type Command =
  | { readonly name: 'up'; readonly options: UpOptions }
  | { readonly name: 'down' | 'status' | 'kubeconfig' | 'images' }
  | { readonly name: 'shell'; readonly node: NodeName; readonly command: readonly string[] }
  | { readonly name: 'logs'; readonly node: NodeName; readonly program: string | undefined };

/**
 * Reads the words after `npm run lab --`.
 * @throws UsageError when they make no command.
 */
export function parseCommand(words: readonly string[]): Command {
  const [name, ...rest] = words;
  switch (name) {
    case 'up':
      return { name, options: parseUp(rest) };
    case 'down':
    case 'status':
    case 'kubeconfig':
    case 'images':
      if (rest.length > 0) throw new UsageError(`${name} takes no words after it`);
      return { name };
    case 'shell': {
      const [node, ...command] = rest;
      return { name, node: nodeIn(node), command: command[0] === '--' ? command.slice(1) : command };
    }
    case 'logs':
      if (rest.length > 2) throw new UsageError('logs takes a node and one program');
      return { name, node: nodeIn(rest[0]), program: rest[1] };
    default:
      throw new UsageError(name === undefined ? 'no command' : `unknown command ${name}`);
  }
}

function parseUp(words: readonly string[]): UpOptions {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        isolated: { type: 'boolean', default: false },
        runtime: { type: 'string', multiple: true, default: [] },
        latency: { type: 'string' },
        fresh: { type: 'boolean', default: false },
      },
    });
    const { isolated, fresh, runtime, latency } = values;
    const runtimes = Object.fromEntries(runtime.map(parseRuntime));
    if (latency === undefined) return { isolated, fresh, runtimes };
    if (!(Number(latency) > 0)) throw new Error('--latency takes milliseconds, more than 0');
    return { isolated, fresh, runtimes, latency: Number(latency) };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function nodeIn(word: string | undefined): NodeName {
  if (word === undefined || !isNodeName(word)) throw new UsageError(`which node? ${nodeNames.join(', ')}`);
  return word;
}
