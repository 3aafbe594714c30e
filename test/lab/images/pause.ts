import path from 'node:path';
import type { LabImage } from './image.ts';

/** What holds a pod's namespaces open. */
export const pause: LabImage = {
  name: 'pause',
  config: { Entrypoint: ['/catatonit', '-P'] },
  fill: async (tree, { debian }) => tree.addProgram(path.join(debian, 'usr/bin/catatonit'), 'catatonit'),
};
