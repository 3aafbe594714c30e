import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Say } from './progress.ts';

/**
 * Runs work while nobody else on the machine holds the lock file. The kernel holds the lock for a child of this
 * process that ends with it, so a killed owner leaves no lock behind. Passes on what the work returns and throws.
 * @param what the file guards, for the line that is said while waiting for another owner.
 */
export async function withLock<T>(file: string, what: string, say: Say, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const owner = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C in a terminal is for this process alone; the owner follows when its input ends.
    detached: true,
  });
  const notice = setTimeout(() => say(`waiting for another process, which is busy with ${what}`), 500);
  try {
    await new Promise<void>((resolve, reject) => {
      owner.stdout.once('data', () => resolve());
      owner.once('error', reject);
      owner.once('exit', (code) => reject(new Error(`flock ${file} ended with ${code}`)));
    });
  } finally {
    clearTimeout(notice);
  }
  try {
    return await work();
  } finally {
    const released = new Promise((resolve) => owner.once('exit', resolve));
    if (owner.exitCode === null) {
      owner.stdin.end();
      await released;
    }
  }
}
