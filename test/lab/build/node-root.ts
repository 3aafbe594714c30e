import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from '../cache.ts';
import { bootstrap, suites } from './debian.ts';

const packages = [
  'ca-certificates',
  'catatonit',
  'conmon',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'criu',
  'curl',
  'docker-registry',
  'etcd-server',
  'iproute2',
  'iptables',
  'kmod',
  'mount',
  'nftables',
  'perl-base',
  'procps',
  'redis-tools',
  'runc',
  'skopeo',
  'socat',
  'util-linux',
];

/** Root file system of every node: what is mounted read-only below each node's own layer. */
export const nodeRoot: Recipe = {
  name: 'node-root',
  inputs: { packages, suites, form: 1 },
  usual: '40 s',
  make: async (folder) => {
    const root = path.join(folder, 'root');
    mkdirSync(root);
    await bootstrap(root, 'minbase', packages);
  },
};
