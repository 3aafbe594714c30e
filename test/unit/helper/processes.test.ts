import { describe, expect, it } from 'vitest';
import { cgroupFiles } from '../../../src/helper/enter.ts';
import { chooseRoot, parseNamespacePids, parseStat } from '../../../src/helper/processes.ts';

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
  it('is its pid 1', () => {
    expect(
      chooseRoot([
        { pid: 10, namespacePids: [10, 1] },
        { pid: 11, namespacePids: [11, 7] },
      ]),
    ).toBe(10);
  });

  it('is the restored one, nested deeper, not the placeholder', () => {
    const placeholder = { pid: 10, namespacePids: [10, 1] };
    const restored = { pid: 29, namespacePids: [29, 29, 1] };
    const child = { pid: 30, namespacePids: [30, 30, 11] };
    expect(chooseRoot([placeholder, child, restored])).toBe(29);
  });

  it('is missing where the pod shares its PID namespace', () => {
    expect(chooseRoot([{ pid: 10, namespacePids: [10, 7] }])).toBeUndefined();
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
