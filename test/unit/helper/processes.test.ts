import { describe, expect, it } from 'vitest';
import { cgroupFiles } from '../../../src/helper/enter.ts';
import { chooseRoot, type Member, parseNamespacePids, parseStat } from '../../../src/helper/processes.ts';

describe('a process of /proc', () => {
  it('may have any name', () => {
    const rest = Array.from({ length: 40 }, (_, index) => index).join(' ');
    expect(parseStat(`42 (a) b (c) T 7 ${rest}`)).toMatchObject({ pid: 42, name: 'a) b (c', state: 'T', parent: 7 });
    expect(parseStat('nonsense')).toBeUndefined();
  });

  it('has a pid in every namespace', () => {
    expect(parseNamespacePids('Name:\tx\nNSpid:\t1386\t11445\t1\nNSsid:\t1\n')).toEqual([1386, 11445, 1]);
    expect(parseNamespacePids('Name:\tx\n')).toEqual([]);
  });
});

describe('the root of a container', () => {
  const member = (parent: number, ...namespacePids: number[]): Member => ({
    pid: namespacePids[0] ?? 0,
    parent,
    namespacePids,
    isPlaceholder: false,
  });
  const placeholder = { ...member(5, 10, 1), isPlaceholder: true };

  it('is its pid 1', () => {
    expect(chooseRoot([member(10, 11, 7), member(5, 10, 1)])?.pid).toBe(10);
  });

  it('is the restored one, not the placeholder', () => {
    const restored = member(10, 29, 29, 1);
    const child = member(29, 30, 30, 11);
    expect(chooseRoot([child, restored, placeholder])?.pid).toBe(29);
  });

  it('is not the first process of a PID namespace that the program made, moved before or not', () => {
    const sandbox = member(11, 12, 8, 1);
    expect(chooseRoot([sandbox, member(10, 11, 7), member(5, 10, 1)])?.pid).toBe(10);
    const made = member(29, 30, 30, 11, 1);
    expect(chooseRoot([made, member(10, 29, 29, 1), placeholder])?.pid).toBe(29);
  });

  it('is not the first process of a namespace that a command made beside a waiting placeholder', () => {
    expect(chooseRoot([member(7, 12, 8, 1), placeholder])?.pid).toBe(10);
  });

  it('is missing where the pod shares its PID namespace', () => {
    expect(chooseRoot([member(5, 10, 7)])).toBeUndefined();
  });
});

describe('the cgroups of a container', () => {
  it('are one a hierarchy in version 1', () => {
    expect(cgroupFiles('9:name=systemd:/kubepods/a\n4:memory:/kubepods/a\n1:cpu,cpuacct:/kubepods/a\n')).toEqual([
      '/proc/1/root/sys/fs/cgroup/systemd/kubepods/a/cgroup.procs',
      '/proc/1/root/sys/fs/cgroup/memory/kubepods/a/cgroup.procs',
      '/proc/1/root/sys/fs/cgroup/cpu,cpuacct/kubepods/a/cgroup.procs',
    ]);
  });

  it('are one in version 2', () => {
    expect(cgroupFiles('0::/kubepods.slice/x.scope\n')).toEqual([
      '/proc/1/root/sys/fs/cgroup/kubepods.slice/x.scope/cgroup.procs',
    ]);
  });
});
