import { cpSync } from 'node:fs';
import path from 'node:path';
import type { LabImage } from './image.ts';

/** An HTTP counter on the Java virtual machine; port 8080. */
export const jvmCounter: LabImage = {
  name: 'jvm-counter',
  config: {
    Cmd: ['/usr/lib/java/bin/java', '-XX:MaxRAMPercentage=60', '-cp', '/classes', 'Counter'],
    Env: ['PATH=/usr/bin', 'LC_ALL=C'],
    ExposedPorts: { '8080/tcp': {} },
  },
  fill: async (tree, { debian, java }) => {
    tree.addBase();
    const libraries = ['libstdc++.so.6', 'libz.so.1'].map((name) => path.join('usr/lib/x86_64-linux-gnu', name));
    await tree.addWithLibraries(debian, libraries);
    cpSync(path.join(java, 'runtime'), path.join(tree.folder, 'usr/lib/java'), { recursive: true });
    cpSync(path.join(java, 'classes'), path.join(tree.folder, 'classes'), { recursive: true });
    tree.addShell(debian);
  },
};
