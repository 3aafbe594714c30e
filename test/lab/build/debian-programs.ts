import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { bootstrap, suites } from './debian.ts';

const packages = [
  'busybox-static',
  'catatonit',
  'memcached',
  'nginx',
  'postgresql',
  'python3',
  'redis-server',
  'redis-tools',
  'tzdata',
];

/** Files of the Debian packages of which the lab's images take parts; nothing in it is set up to run as it is. */
export const debianPrograms: Recipe = {
  name: 'debian-programs',
  inputs: { packages, suites, form: 1 },
  usual: '40 s',
  make: async (folder) => {
    const root = path.join(folder, 'root');
    mkdirSync(root);
    await bootstrap(root, 'extract', packages);
  },
};
