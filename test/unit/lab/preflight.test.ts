import { describe, expect, it } from 'vitest';
import { type MachineFacts, problems, refuseLatency } from '../../lab/preflight.ts';

const good: MachineFacts = {
  isRoot: true,
  architecture: 'x64',
  hasApt: true,
  hasGo: true,
  controllers: ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'none', 'name=systemd'],
  cache: { folder: '/cache', freeMegabytes: 20_000, type: 0xef53, neededMegabytes: 8000 },
  data: { folder: '/data', freeMegabytes: 20_000, type: 0xef53, neededMegabytes: 4000 },
  addresses: ['127.0.0.1/8', '192.0.2.7/24', '::1/128'],
  routes: [{ link: 'eth0', address: 0, mask: 0 }],
  hasBridge: false,
  ownsNetwork: false,
};

describe('problems', () => {
  it('finds none on a machine that will do', () => {
    expect(problems(good)).toEqual([]);
  });

  it.each<[string, Partial<MachineFacts>, RegExp]>([
    ['an ordinary user', { isRoot: false }, /run it as root/],
    ['another architecture', { architecture: 'arm64' }, /this machine is arm64/],
    ['no apt', { hasApt: false }, /no apt-get/],
    ['no Go', { hasGo: false }, /no go in its PATH/],
    ['cgroup v2 alone', { controllers: [] }, /cgroup v1.*cpu, cpuacct.*pids/],
    ['a full disk', { cache: { ...good.cache, freeMegabytes: 287 } }, /\/cache needs 8\.0 GB.*there are 0\.3 GB/],
    ['an overlay', { data: { ...good.data, type: 0x794c7630 } }, /\/data is on an overlay/],
    ['a foreign bridge', { hasBridge: true }, /link kmlab0 is there/],
    ['a taken address', { addresses: ['10.98.0.7/24'] }, /10\.98\.0\.0\/24, but the address 10\.98\.0\.7\/24/],
    ['a taken range', { routes: [{ link: 'tun0', address: 0x0a200000, mask: 0xffff0000 }] }, /a route through tun0/],
  ])('names %s', (_name, change, sentence) => {
    expect(problems({ ...good, ...change })).toEqual([expect.stringMatching(sentence)]);
  });

  it('takes a network of its own for granted', () => {
    expect(problems({ ...good, hasBridge: true, addresses: ['10.98.0.1/24'], ownsNetwork: true })).toEqual([]);
  });

  it('never takes a latency for granted', async () => {
    await expect(refuseLatency()).rejects.toThrow(/--latency (is not built|needs the netem)/);
  });

  it('names all problems at once', () => {
    expect(problems({ ...good, isRoot: false, hasApt: false })).toHaveLength(2);
  });
});
