import { describe, expect, it } from 'vitest';
import { endedForMemory } from '../../../src/helper/memory-limit.ts';

describe('processes that the kernel has ended for want of memory', () => {
  it('are counted in memory.oom_control of cgroup v1', () => {
    expect(endedForMemory('oom_kill_disable 0\nunder_oom 0\noom_kill 3\n')).toBe(3);
  });

  it('are counted in memory.events of cgroup v2, once and not with their groups', () => {
    expect(endedForMemory('low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 4\n')).toBe(1);
  });

  it('are none where a kernel before 4.13 does not count them', () => {
    expect(endedForMemory('oom_kill_disable 0\nunder_oom 0\n')).toBe(0);
  });
});
