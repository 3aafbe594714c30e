import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { insideGroups } from './cgroup.ts';
import { folders } from './folders.ts';
import { current, down, renewImages, up } from './index.ts';
import { parseRuntime, type UpOptions } from './options.ts';
import { isAlive } from './processes.ts';
import { insideNode, logFile } from './program.ts';
import { readState } from './state.ts';
import { isNodeName, type NodeName, nodeNames } from './topology.ts';

const usage = `usage: npm run lab -- COMMAND
  up [--isolated] [--runtime NODE=containerd-2.4|crio]... [--latency MS] [--fresh]
  down
  status
  kubeconfig
  images        (makes and pushes the images of this checkout to the running lab)
  shell NODE [-- COMMAND...]
  logs NODE [PROGRAM]
nodes: ${nodeNames.join(', ')}
`;

class UsageError extends Error {}

async function main(words: readonly string[]): Promise<number> {
  const [command, ...rest] = words;
  switch (command) {
    case 'up':
      await up(parseUp(rest));
      return 0;
    case 'down':
      await down();
      return 0;
    case 'status':
      return status();
    case 'kubeconfig':
      if (current() === undefined) throw new Error('no lab is running: npm run lab -- up');
      process.stdout.write(`${folders.kubeconfig}\n`);
      return 0;
    case 'images':
      await renewImages();
      return status();
    case 'shell':
      return shell(rest);
    case 'logs':
      return logs(rest);
    default:
      throw new UsageError(command === undefined ? 'no command' : `unknown command ${command}`);
  }
}

function parseUp(words: string[]): UpOptions {
  const { values } = parseArgs({
    args: words,
    options: {
      isolated: { type: 'boolean' },
      runtime: { type: 'string', multiple: true },
      latency: { type: 'string' },
      fresh: { type: 'boolean' },
    },
  });
  const latency = values.latency === undefined ? undefined : Number(values.latency);
  if (latency !== undefined && !(latency > 0)) throw new UsageError('--latency takes milliseconds, more than 0');
  return {
    isolated: values.isolated ?? false,
    fresh: values.fresh ?? false,
    runtimes: Object.fromEntries((values.runtime ?? []).map(parseRuntime)),
    ...(latency === undefined ? {} : { latency }),
  };
}

function status(): number {
  const state = readState();
  if (state === undefined) {
    process.stdout.write('no lab\n');
    return 1;
  }
  const running = current() !== undefined;
  process.stdout.write(
    `${running ? 'running' : 'not whole; the next `up` renews it'}, started from ${state.checkout}\n`,
  );
  for (const { node, program, ...id } of state.processes) {
    process.stdout.write(`${isAlive(id) ? 'alive' : 'ended'}  ${node.padEnd(8)}  ${program}  ${id.pid}\n`);
  }
  const images = [...Object.values(state.images), ...(state.helperImage === undefined ? [] : [state.helperImage])];
  for (const reference of images) process.stdout.write(`image  ${reference}\n`);
  return running ? 0 : 1;
}

function shell(words: readonly string[]): Promise<number> {
  const [node, ...rest] = words;
  const command = rest[0] === '--' ? rest.slice(1) : rest;
  const name = nodeIn(node);
  const lab = current();
  if (lab === undefined) throw new Error('no lab is running: npm run lab -- up');
  const inside = insideNode(lab.nodes[name].init, command.length > 0 ? command : ['bash']);
  const [program, args] = insideGroups(name, inside);
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function logs(words: readonly string[]): number {
  const [node, program] = words;
  const name = nodeIn(node);
  const folder = path.join(folders.logs, name);
  if (program === undefined) {
    for (const file of readdirSync(folder)) process.stdout.write(`${path.parse(file).name}\n`);
    return 0;
  }
  process.stdout.write(readFileSync(logFile(name, program)));
  return 0;
}

function nodeIn(word: string | undefined): NodeName {
  if (word === undefined || !isNodeName(word)) throw new UsageError(`which node? ${nodeNames.join(', ')}`);
  return word;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n${isUsage ? usage : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
