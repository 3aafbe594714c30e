import path from 'node:path';
import { run } from '../run.ts';
import type { LabImage } from './image.ts';

const source = path.join(import.meta.dirname, 'programs/static.c');

/** One static program and nothing else: no shell, no folder, nothing to write to; counts on port 8080. */
export const staticProgram: LabImage = {
  name: 'static',
  config: { Entrypoint: ['/static'], User: '65532:65532', ExposedPorts: { '8080/tcp': {} } },
  sources: [source],
  fill: async (tree) => {
    await run('gcc', ['-static', '-O2', '-Wall', '-Werror', '-s', '-o', path.join(tree.folder, 'static'), source]);
  },
};
