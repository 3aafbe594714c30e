import type { LabImage } from './image.ts';

/** redis-server, with redis-cli, a shell and a folder that it can do without. Keeps nothing on disk unless told to. */
export const redis: LabImage = {
  name: 'redis',
  config: {
    Cmd: ['redis-server', '--save', '', '--appendonly', 'no', '--protected-mode', 'no', '--bind', '0.0.0.0'],
    Env: ['PATH=/usr/bin'],
    ExposedPorts: { '6379/tcp': {} },
    WorkingDir: '/data',
  },
  fill: async (tree, { debian }) => {
    tree.addBase();
    await tree.addWithLibraries(debian, ['usr/bin/redis-server', 'usr/bin/redis-cli']);
    tree.addShell(debian);
    tree.addFile('usr/share/redis/of-the-image', 'of the image\n');
    tree.addFolderForAll('data');
  },
};
