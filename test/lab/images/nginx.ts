import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { LabImage } from './image.ts';

const settings = path.join(import.meta.dirname, 'programs/nginx.conf');

/** nginx: a master that is root, two workers that are not, and one count of requests that they share; port 8081. */
export const nginx: LabImage = {
  name: 'nginx',
  config: { Cmd: ['nginx', '-c', '/etc/nginx.conf'], Env: ['PATH=/usr/bin'], ExposedPorts: { '8081/tcp': {} } },
  sources: [settings],
  fill: async (tree, { debian }) => {
    tree.addBase({ 'www-data': 33 });
    await tree.addWithLibraries(debian, ['usr/sbin/nginx']);
    tree.addFile('etc/nginx.conf', readFileSync(settings));
    for (const folder of ['var/lib/nginx', 'var/log/nginx']) tree.addFolderOf(folder, 33);
    tree.addShell(debian);
  },
};
