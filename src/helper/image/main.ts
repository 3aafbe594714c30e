import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMigrateError } from '../../domain/errors.ts';
import { buildHelperImage } from './build.ts';
import { pushLayout } from './push.ts';

const USAGE = `usage: npm run helper-image -- build [--cache DIR] [--out DIR]
       npm run helper-image -- push REGISTRY/REPOSITORY:TAG [--registry-ca FILE] [--cache DIR] [--out DIR]
`;

async function main(argv: string[]): Promise<number> {
  const cacheHome = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      cache: { type: 'string', default: path.join(cacheHome, 'kubectl-migrate/helper-image') },
      out: { type: 'string' },
      'registry-ca': { type: 'string' },
    },
  });
  const outDir = values.out ?? path.join(values.cache, 'layout');
  const [act, reference] = positionals;
  const [, registry, repository, tag] = /^([^/]+)\/([a-z0-9./_-]+):([\w.-]+)$/.exec(reference ?? '') ?? [];
  if (act !== 'build' && !(act === 'push' && registry && repository && tag)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const { digest } = await buildHelperImage({ cacheDir: values.cache, outDir });
  if (registry && repository && tag) {
    const file = values['registry-ca'];
    const ca = file ? { ca: await readFile(file, 'utf8') } : {};
    try {
      await pushLayout(outDir, { registry, repository, tag, ...ca });
    } catch (error) {
      if (!isMigrateError(error)) throw error;
      const { code, message, detail, remedy } = error;
      process.stderr.write(`error ${code}: ${message}\n  why: ${detail}\n  do:  ${remedy}\n`);
      return 1;
    }
  }
  process.stdout.write(`${digest}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
