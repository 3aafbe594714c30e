import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupFilesOf } from './enter.ts';

/**
 * Where the kernel counts the processes of a group that it ended for want of memory: `memory.oom_control` of cgroup v1,
 * `memory.events` of v2 (Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst).
 */
const COUNTS = ['memory.oom_control', 'memory.events'];

/** How many that were, by such a file; 0 for any other. Pure. */
export function endedForMemory(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/**
 * Yields, whenever it is asked, whether the kernel has since ended a process of a container because a limit of memory was
 * reached; also when the process that is named has ended too. Read-only.
 */
export function watchMemory(pid: number): () => boolean {
  const files = cgroupFilesOf(pid).flatMap((file) => COUNTS.map((name) => path.join(path.dirname(file), name)));
  const count = () =>
    files.filter((file) => existsSync(file)).reduce((sum, file) => sum + endedForMemory(readFileSync(file, 'utf8')), 0);
  const before = count();
  return () => count() > before;
}
