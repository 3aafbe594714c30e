import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { LabImage } from './image.ts';

const program = path.join(import.meta.dirname, 'programs/postgres.sh');
const user = 999;

/** Debian's PostgreSQL, run as a user who is not root; makes its database at the first start; psql; port 5432. */
export const postgres: LabImage = {
  name: 'postgres',
  config: {
    Cmd: ['/usr/bin/start-postgres'],
    Env: ['PATH=/usr/bin', 'PGDATA=/var/lib/postgresql/data', 'PGHOST=localhost', 'PGUSER=postgres'],
    ExposedPorts: { '5432/tcp': {} },
    User: `${user}:${user}`,
    WorkingDir: '/var/lib/postgresql',
  },
  inputs: { user },
  sources: [program],
  fill: async (tree, { debian }) => {
    const [version] = readdirSync(path.join(debian, 'usr/lib/postgresql'));
    if (version === undefined) throw new Error('the Debian root has no postgresql');
    const home = path.join('usr/lib/postgresql', version);
    const libraries = readdirSync(path.join(debian, home, 'lib')).filter(
      (name) => name.endsWith('.so') && !name.includes('jit'),
    );
    const programs = ['initdb', 'pg_ctl', 'pg_isready', 'postgres', 'psql'].map((name) => path.join(home, 'bin', name));
    tree.addBase({ postgres: user });
    await tree.addWithLibraries(debian, [...programs, ...libraries.map((name) => path.join(home, 'lib', name))]);
    tree.addFolder(debian, path.join('usr/share/postgresql', version));
    tree.addFolder(debian, 'usr/share/zoneinfo');
    for (const name of programs) tree.addLink(path.join('usr/bin', path.basename(name)), `/${name}`);
    tree.addShell(debian);
    tree.addFile('usr/bin/start-postgres', readFileSync(program), 0o755);
    tree.addFolderOf('var/lib/postgresql', user);
    tree.addFolderOf('var/lib/postgresql/data', user, 0o700);
  },
};
