// Moves a redis and a PostgreSQL under write load back and forth, with a random fault in one of three moves unless told
// otherwise; looks whether a write is lost or applied twice, whether two copies run, and whether anything grows or is left.
// Nothing else may run on the lab meanwhile. Usage: main.ts [--moves N] [--seed S] [--faults 0..1]
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildProgram } from '../../krew/build.ts';
import { current } from '../lab/index.ts';

const { values } = parseArgs({
  options: {
    moves: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    faults: { type: 'string', default: String(1 / 3) },
  },
});
const root = path.resolve(import.meta.dirname, '../..');
if (!current()) {
  process.stderr.write('no lab is running: npm run lab -- up\n');
  process.exit(1);
}
const program = await buildProgram();
const args = ['run', '--config', 'test/vitest.config.ts', '--project', 'lab', 'test/e2e/soak.test.ts'];
const child = spawn(path.join(root, 'node_modules/.bin/vitest'), args, {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    KUBECTL_MIGRATE_PROGRAM: program,
    SOAK_MOVES: values.moves,
    SOAK_SEED: values.seed,
    SOAK_FAULTS: values.faults,
    SOAK_ALONE: '1',
  },
});
child.on('exit', (code) => process.exit(code ?? 1));
