#!/usr/bin/env node
// Starts one of the project's own TypeScript programs with the pinned Node, after installing what package-lock.json
// asks for. Runs under the system's Node 20 (no type stripping there), hence plain JavaScript without dependencies.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const modules = path.join(root, 'node_modules');
const stamp = path.join(modules, '.installed-from');
const wanted = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('installing the packages of package-lock.json (about 20 s)\n');
  const install = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (install.status !== 0) {
    process.stderr.write(`npm ci ended with ${install.status ?? install.signal ?? install.error}\n`);
    process.exit(install.status ?? 1);
  }
  writeFileSync(stamp, wanted);
}

const [program, ...rest] = process.argv.slice(2);
if (!program) {
  process.stderr.write('usage: with-dependencies.mjs PROGRAM.ts [ARGUMENTS]\n');
  process.exit(2);
}
const bin = path.join(modules, '.bin');
const child = spawn(
  path.join(bin, 'node'),
  ['--disable-warning=ExperimentalWarning', path.join(root, program), ...rest],
  {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal] ?? 9);
});
