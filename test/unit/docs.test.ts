import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../docs/pages.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

describe('the documentation', () => {
  it.each(Object.entries(PAGES))('has %s as the program has it', (name, page) => {
    expect(read(`docs/${name}`), 'npm run docs').toBe(page());
  });

  it('links to nothing that is not there', () => {
    const files = globSync(['README.md', 'docs/**/*.md'], { cwd: root });
    const missing = files.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, to = '']) => path.join(path.dirname(file), to))
        .filter((to) => globSync(to, { cwd: root }).length === 0)
        .map((to) => `${file}: ${to}`),
    );
    expect(missing).toEqual([]);
  });
});
