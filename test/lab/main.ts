import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { insideGroups } from './cgroup.ts';
import { type Command, parseCommand, UsageError, usage } from './command-line.ts';
import { folders } from './folders.ts';
import { current, down, type Lab, renewImages, up } from './index.ts';
import { isAlive } from './processes.ts';
import { insideNode, logFile } from './program.ts';
import { readState } from './state.ts';
import type { NodeName } from './topology.ts';

async function execute(command: Command): Promise<number> {
  switch (command.name) {
    case 'up':
      await up(command.options);
      return 0;
    case 'down':
      await down();
      return 0;
    case 'status':
      return status();
    case 'kubeconfig':
      process.stdout.write(`${running().kubeconfig}\n`);
      return 0;
    case 'images':
      await renewImages();
      return status();
    case 'shell':
      return shell(command.node, command.command);
    case 'logs':
      return logs(command.node, command.program);
  }
}

function running(): Lab {
  const lab = current();
  if (lab === undefined) throw new Error('no lab is running: npm run lab -- up');
  return lab;
}

function status(): number {
  const state = readState();
  if (state === undefined) {
    process.stdout.write('no lab\n');
    return 1;
  }
  const isWhole = current() !== undefined;
  const { isolated, runtimes } = state.variant;
  const kind = [...(isolated ? ['isolated'] : []), ...Object.entries(runtimes).map((pair) => pair.join('='))];
  const condition = isWhole ? 'running' : 'not whole; the next `up` renews it';
  process.stdout.write(`${condition}, ${kind.join(', ') || 'plain'}, started from ${state.checkout}\n`);
  for (const { node, program, ...id } of state.processes) {
    process.stdout.write(`${isAlive(id) ? 'alive' : 'ended'}  ${node.padEnd(8)}  ${program}  ${id.pid}\n`);
  }
  const images = [...Object.values(state.images), ...(state.helperImage === undefined ? [] : [state.helperImage])];
  for (const reference of images) process.stdout.write(`image  ${reference}\n`);
  return isWhole ? 0 : 1;
}

function shell(node: NodeName, command: readonly string[]): Promise<number> {
  const inside = insideNode(running().nodes[node].init, command.length > 0 ? command : ['bash']);
  const [program, args] = insideGroups(node, inside);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function logs(node: NodeName, program: string | undefined): number {
  if (program !== undefined) {
    process.stdout.write(readFileSync(logFile(node, program)));
    return 0;
  }
  for (const file of readdirSync(path.join(folders.logs, node))) process.stdout.write(`${path.parse(file).name}\n`);
  return 0;
}

// Whoever reads may stop reading: `status | head -1`.
process.stdout.on('error', () => process.exit());

try {
  process.exitCode = await execute(parseCommand(process.argv.slice(2)));
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n${isUsage ? usage : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
