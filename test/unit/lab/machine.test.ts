import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { mirrorIn } from '../../lab/build/debian.ts';
import { ownGoMod } from '../../lab/build/kubernetes.ts';
import { hierarchiesIn } from '../../lab/cgroup.ts';
import { setClock } from '../../lab/clock.ts';
import { routesIn, taken } from '../../lab/host-network.ts';
import { identify, isAlive, kill, startTimeOf, waitForEnd } from '../../lab/processes.ts';

describe('processes', () => {
  it('reads the start time behind a name with spaces and brackets', () => {
    const rest = Array.from({ length: 18 }, (_, place) => place + 4);
    expect(startTimeOf(`7 (a ) b) S ${rest.join(' ')} 4711 0`)).toBe(4711);
    expect(startTimeOf(`7 (dead) Z ${rest.join(' ')} 4711 0`)).toBeUndefined();
    expect(startTimeOf('')).toBeUndefined();
  });

  it('ends exactly the process that is meant', async () => {
    const child = spawn('sleep', ['60']);
    const ended = once(child, 'exit');
    const id = identify(child.pid ?? 0);
    if (id === undefined) throw new Error('sleep did not start');
    kill({ ...id, started: id.started - 1 });
    expect(isAlive(id)).toBe(true);
    kill(id);
    await ended;
    await waitForEnd([id], 1);
    expect(isAlive(id)).toBe(false);
  });
});

describe('the clock of a process', () => {
  it('is set ahead and back and right again, its monotonic one stays', async () => {
    const script = 'process.stdin.on("data", () => console.log([Date.now(), performance.now()].join()))';
    const child = spawn(process.execPath, ['-e', script]);
    try {
      const id = identify(child.pid ?? 0);
      if (id === undefined) throw new Error('it did not start');
      const ask = async () => {
        child.stdin.write('now\n');
        const [day = 0, uptime = 0] = String(await once(child.stdout, 'data'))
          .split(',')
          .map(Number);
        return { ahead: 0 + Math.round((day - Date.now()) / 60_000), uptime };
      };
      const said = [await ask()];
      for (const seconds of [3600, -3600, 0]) {
        await setClock(id, seconds);
        said.push(await ask());
      }
      expect(said.map(({ ahead }) => ahead)).toEqual([0, 60, -60, 0]);
      expect(said.map(({ uptime }) => uptime)).toEqual(said.map(({ uptime }) => uptime).toSorted((a, b) => a - b));
      expect(said.at(-1)?.uptime).toBeLessThan(60_000);
    } finally {
      child.kill();
    }
  });
});

describe('hierarchiesIn', () => {
  it('finds single, joined and named hierarchies, and not cgroup v2', () => {
    const mountinfo = [
      '30 29 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct',
      '31 29 0:27 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd',
      '32 29 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    ].join('\n');
    expect(hierarchiesIn(mountinfo)).toEqual([
      { folder: '/sys/fs/cgroup/cpu,cpuacct', mountOptions: 'cpu,cpuacct' },
      { folder: '/sys/fs/cgroup/systemd', mountOptions: 'none,name=systemd' },
    ]);
  });
});

describe('taken', () => {
  const table =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t0000000A\t0\t1\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';

  it('sees an address inside the range and a range that holds it', () => {
    expect(taken('10.31.0.0/16', ['10.31.4.1/24'], [])).toBe('the address 10.31.4.1/24');
    expect(taken('10.31.0.0/16', ['10.0.0.1/8'], [])).toBe('the address 10.0.0.1/8');
    expect(taken('10.31.0.0/16', ['10.32.0.1/16', '::1/128'], [])).toBeUndefined();
  });

  it('reads the kernel’s table and leaves the default route out', () => {
    const [route] = routesIn(table);
    expect(route).toEqual({ link: 'eth0', address: 0x0a000000, mask: 0xffffff00 });
    expect(taken('10.0.0.0/16', [], routesIn(table))).toBe('a route through eth0');
    expect(taken('10.31.0.0/16', [], [{ link: 'eth0', address: 0, mask: 0 }])).toBeUndefined();
  });
});

describe('mirrorIn', () => {
  it('finds Debian’s own archive in both formats', () => {
    const deb822 = 'Types: deb\nURIs: http://mirror.example/debian-security\n\nURIs: http://mirror.example/debian\n';
    expect(mirrorIn(deb822)).toBe('http://mirror.example/debian');
    expect(mirrorIn('deb [signed-by=/k] https://mirror.example/debian/ trixie main\n')).toBe(
      'https://mirror.example/debian/',
    );
    expect(mirrorIn('deb https://other.example/apt stable main\n')).toBeUndefined();
  });
});

describe('ownGoMod', () => {
  it('replaces staging modules by their published versions', () => {
    const theirs = [
      'module k8s.io/kubernetes',
      'go 1.26.0',
      'require (\n\tgithub.com/a/b v1.0.0\n\tk8s.io/api v0.0.0\n)',
      'replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)',
    ].join('\n\n');
    const ours = ownGoMod(theirs);
    expect(ours).toContain('k8s.io/api v0.37.2\n)');
    expect(ours).toContain('k8s.io/api => k8s.io/api v0.37.2');
    expect(ours).toContain('github.com/a/b v1.0.0');
    expect(ours).not.toContain('./staging');
  });
});
