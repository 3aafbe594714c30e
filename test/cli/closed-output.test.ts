import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

async function exitCodeWithout(stream: 'stdout' | 'stderr', argv: readonly string[]): Promise<unknown> {
  const child = spawn(process.execPath, [path.join(root, 'cmd/main.ts'), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Long before the program has started.
  child[stream].destroy();
  const [code] = await once(child, 'exit');
  return code;
}

describe('a program whose reader went away', () => {
  it('goes on to its end and says by its exit code how it went', async () => {
    expect(await exitCodeWithout('stderr', ['no-such-command'])).toBe(2);
    expect(await exitCodeWithout('stdout', ['--help'])).toBe(0);
  });
});
