// Writes the transcripts and pictures of docs/ anew from real runs, on the lab that is running. Usage: npm run docs:lab
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { buildProgram } from '../../krew/build.ts';
import { current } from '../lab/index.ts';

const root = path.resolve(import.meta.dirname, '../..');
const lab = current();
if (!lab) {
  process.stderr.write('no lab is running: npm run lab -- up\n');
  process.exit(1);
}
const env = { ...process.env, DOCS: 'write', KUBECTL_MIGRATE_PROGRAM: await buildProgram() };
const args = ['run', '--config', 'test/vitest.config.ts', '--project', 'lab', 'test/e2e/terminal.test.ts'];
const child = spawn(path.join(root, 'node_modules/.bin/vitest'), args, { cwd: root, stdio: 'inherit', env });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
