import type { LabImage } from './image.ts';

/** The clusters' DNS server. */
export const corednsImage: LabImage = {
  name: 'coredns',
  config: { Entrypoint: ['/coredns'], ExposedPorts: { '53/udp': {}, '53/tcp': {} } },
  fill: async (tree, { coredns }) => tree.addProgram(coredns, 'coredns'),
};
