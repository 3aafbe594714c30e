import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** Which rooms a room may import from, besides itself. `src/helper` stands for its contract with the plugin. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  cmd: [
    'src/domain',
    'src/planner',
    'src/runner',
    'src/steps',
    'src/engines',
    'src/transfer',
    'src/journal',
    'src/audit',
    'src/kube',
    'src/report',
    'src/ui',
  ],
  'src/domain': [],
  'src/report': ['src/domain'],
  'src/ui': ['src/domain', 'src/report'],
  'src/kube': ['src/domain'],
  'src/journal': ['src/domain', 'src/kube'],
  'src/audit': ['src/domain', 'src/kube'],
  'src/transfer': ['src/domain', 'src/kube'],
  'src/helper': ['src/domain'],
  'src/helper/image': ['src/domain', 'src/transfer'],
  'src/archive': ['src/domain'],
  'src/workloads': ['src/domain', 'src/kube', 'src/helper'],
  'src/routes': ['src/domain', 'src/kube'],
  'src/volumes': ['src/domain', 'src/kube'],
  'src/engines': ['src/domain', 'src/kube', 'src/helper', 'src/transfer', 'src/archive'],
  'src/planner': [
    'src/audit',
    'src/domain',
    'src/journal',
    'src/kube',
    'src/routes',
    'src/workloads',
    'src/volumes',
    'src/engines',
    'src/transfer',
    'src/helper',
    'src/steps',
  ],
  'src/steps': ['src/domain', 'src/kube', 'src/routes', 'src/workloads', 'src/engines', 'src/helper', 'src/report'],
  'src/runner': ['src/domain', 'src/steps', 'src/engines', 'src/journal', 'src/report'],
};

/** Packages that only one room, or one file, may know. */
const CONFINED: Readonly<Record<string, string>> = {
  '@kubernetes/client-node': 'src/kube/',
  yargs: 'cmd/',
  '@inquirer': 'src/ui/prompt/',
  'cli-table3': 'src/ui/table.ts',
  'smol-toml': 'src/helper/probe/',
};

/** The files of src/helper that are its contract, and what both know of CRIU's images; everything else runs in the helper pod. */
const HELPER_CONTRACT =
  /^src\/helper\/(protocol|facts|envelope|placeholder-spec|pod-spec|capabilities|failure|trust\/(credentials|criu-image|descriptors|guard|mounts|namespaces|tracked))\.ts$/;

interface Import {
  readonly file: string;
  readonly room: string;
  readonly to: string;
}

function roomOf(file: string): string {
  // What makes the helper's image is a tool of its own: it runs in no helper pod.
  if (file.startsWith('src/helper/image/')) return 'src/helper/image';
  return file.startsWith('src/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] ?? '');
}

function imports(): Import[] {
  return globSync(['cmd/**/*.ts', 'src/**/*.ts'], { cwd: root }).flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
    return [...found].map(([, specifier = '']) => ({
      file,
      room: roomOf(file),
      to: specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : specifier,
    }));
  });
}

const all = imports();
const local = all.filter(({ to }) => to.startsWith('src/') || to.startsWith('cmd/'));

describe('direction of imports', () => {
  it('goes only the way that the architecture says', () => {
    const wrong = local.filter(({ room, to }) => roomOf(to) !== room && !ALLOWED[room]?.includes(roomOf(to)));
    expect(wrong).toEqual([]);
  });

  it('enters the helper’s room only through its contract', () => {
    const wrong = local.filter(
      ({ room, to }) => roomOf(to) === 'src/helper' && room !== 'src/helper' && !HELPER_CONTRACT.test(to),
    );
    expect(wrong).toEqual([]);
  });

  it('keeps each confined package in its place', () => {
    const wrong = all.filter(({ file, to }) => {
      const home = Object.entries(CONFINED).find(([name]) => to === name || to.startsWith(`${name}/`))?.[1];
      return home !== undefined && !file.startsWith(home);
    });
    expect(wrong).toEqual([]);
  });

  it('keeps the domain free of packages and of Node', () => {
    expect(all.filter(({ room, to }) => room === 'src/domain' && !to.startsWith('src/domain/'))).toEqual([]);
  });
});

describe('rooms', () => {
  it('are all known to the rules', () => {
    const rooms = new Set(all.map(({ room }) => room));
    expect([...rooms].filter((room) => !(room in ALLOWED))).toEqual([]);
  });

  it('touch the process only at its border', () => {
    const outside = globSync(['cmd/**/*.ts', 'src/**/*.ts'], { cwd: root }).filter((file) => {
      if (file === 'cmd/main.ts' || file.startsWith('src/helper/')) return false;
      return /(?<![.\w])process\.(std|exit|argv|env)|console\./.test(readFileSync(path.join(root, file), 'utf8'));
    });
    expect(outside).toEqual([]);
  });

  it('know the plugin’s name from one constant', () => {
    const named = globSync(['cmd/**/*.ts', 'src/**/*.ts'], { cwd: root }).filter((file) => {
      const code = readFileSync(path.join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
      return code.includes('kubectl migrate');
    });
    expect(named, 'use COMMAND of src/domain/names.ts').toEqual([]);
  });
});
