import type { LabImage } from './image.ts';

/** memcached with its usual four threads; port 11211. */
export const memcached: LabImage = {
  name: 'memcached',
  config: {
    Cmd: ['memcached', '-u', 'nobody', '-l', '0.0.0.0'],
    Env: ['PATH=/usr/bin'],
    ExposedPorts: { '11211/tcp': {} },
  },
  fill: async (tree, { debian }) => {
    tree.addBase();
    await tree.addWithLibraries(debian, ['usr/bin/memcached']);
    tree.addShell(debian);
  },
};
