import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { LabImage } from './image.ts';

const program = path.join(import.meta.dirname, 'programs/counter.py');
const left = /^(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)$|__pycache__/;

/** An HTTP counter with threads on Debian's Python; port 8080. */
export const python: LabImage = {
  name: 'python',
  config: {
    Cmd: ['python3', '/counter.py'],
    Env: ['PATH=/usr/bin', 'PYTHONDONTWRITEBYTECODE=1', 'PYTHONUNBUFFERED=1'],
    ExposedPorts: { '8080/tcp': {} },
  },
  sources: [program],
  fill: async (tree, { debian }) => {
    const version = readdirSync(path.join(debian, 'usr/lib')).find((name) => /^python3\.\d+$/.test(name));
    if (version === undefined) throw new Error('the Debian root has no python3');
    tree.addBase();
    const modules = path.join('usr/lib', version, 'lib-dynload');
    const loaded = readdirSync(path.join(debian, modules)).map((name) => path.join(modules, name));
    await tree.addWithLibraries(debian, [`usr/bin/${version}`, ...loaded]);
    tree.addFolder(
      debian,
      path.join('usr/lib', version),
      (file) => !left.test(file) && existsSync(path.join(debian, 'usr/lib', version, file)),
    );
    tree.addLink('usr/bin/python3', version);
    tree.addShell(debian);
    tree.addFile('counter.py', readFileSync(program));
  },
};
