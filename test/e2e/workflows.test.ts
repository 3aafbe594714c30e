import { globSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { actionlint } from '../lab/build/actionlint.ts';
import { obtain } from '../lab/cache.ts';
import { sayOnStderr } from '../lab/progress.ts';
import { runProcess } from '../support/kubectl.ts';

const root = path.resolve(import.meta.dirname, '../..');

describe('the workflow files', () => {
  it('are right, as actionlint sees it', async () => {
    const files = globSync('.github/workflows/*.yml', { cwd: root }).map((file) => path.join(root, file));
    expect(files).not.toEqual([]);
    const linter = path.join(await obtain(actionlint, sayOnStderr), 'actionlint');
    expect(await runProcess(linter, files)).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
