import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildHelperImage } from './build.ts';
import { pushLayout } from './push.ts';

const USAGE = `usage: main.ts build [--cache DIR] [--out DIR]
       main.ts push REGISTRY/REPOSITORY:TAG [--ca FILE] [--cache DIR] [--out DIR]
`;

async function main(argv: string[]): Promise<number> {
  const cacheHome = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      cache: { type: 'string', default: path.join(cacheHome, 'kubectl-migrate/helper-image') },
      out: { type: 'string' },
      ca: { type: 'string' },
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
    const ca = values.ca ? { ca: await readFile(values.ca, 'utf8') } : {};
    await pushLayout(outDir, { registry, repository, tag, ...ca });
  }
  process.stdout.write(`${digest}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
