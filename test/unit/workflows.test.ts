import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = path.resolve(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>;
}

/** What workflows type. */
function commands(): string[] {
  return globSync('.github/workflows/*.yml', { cwd: root }).flatMap((file) => {
    const { jobs } = parse(readFileSync(path.join(root, file), 'utf8')) as Workflow;
    return Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  });
}

describe('the workflow files', () => {
  it('ask for advisories, run the scripts of package.json, and nothing else but the upload', () => {
    const others = commands().filter((command) => {
      const [, script] = /^npm run ([\w:-]+)( -- [^;&|]*)?$/.exec(command) ?? [];
      return script === undefined || !(script in scripts);
    });
    expect(others.sort()).toEqual([
      expect.stringMatching(/^gh release create "\$GITHUB_REF_NAME" /),
      'npm audit',
      'npm audit',
    ]);
  });
});
