import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Channels } from '../../../src/helper/bulk/channels.ts';
import type { HelperEvent } from '../../../src/helper/envelope.ts';
import { HelperFailure } from '../../../src/helper/failure.ts';
import type { SourceRecord } from '../../../src/helper/record.ts';
import { Source } from '../../../src/helper/source.ts';
import { NetworkAhead, type SourceActs } from '../../../src/helper/source-acts.ts';
import { uptimeMs } from '../../../src/helper/uptime.ts';

const containerId = 'c'.repeat(64);
const member = { containerId, rootPid: 77, startTime: 5, volumes: [] };
const who = { members: [member] };
const containerIds = [containerId];
const podLogs = 'shop_cart-0_135323d2-210e-4783-85a6-c7afaa8b01fa';
const armed = { run: async () => ({ status: 0, stdout: '', stderr: '' }), fire: async () => {}, disarm: () => {} };

/** An act that ends when the test says so. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), pass: () => opened };
}

function sourceWith(initial: SourceRecord, over: Partial<SourceActs> = {}) {
  const done: string[] = [];
  const restarts: string[] = [];
  const events: HelperEvent[] = [];
  let saved = initial;
  const note = (name: keyof SourceActs) => async () => {
    await (over[name] as (() => unknown) | undefined)?.();
    done.push(name);
  };
  const acts: SourceActs = {
    load: () => initial,
    findRoot: () => member.rootPid,
    startTime: () => member.startTime,
    describe: () => ({ externalMounts: ['/'], stdio: ['', '', ''], rootMode: 0o755, innerPids: [1] }),
    emptyDirectories: () => {},
    armNetwork: () => armed,
    armAbort: () => armed,
    podAddresses: async () => [],
    removeLinkRemaps: () => {},
    continueTree: () => done.push('continueTree'),
    removeImages: () => {},
    abortOutside: async () => 0,
    archiveBytes: () => 512,
    isStopped: () => false,
    preventRestarts: () => restarts.push('prevented'),
    allowRestarts: () => restarts.push('allowed'),
    isLocked: async () => false,
    sync: async () => {},
    save: (record) => {
      saved = record;
    },
    ...over,
    lock: note('lock'),
    dump: note('dump'),
    unlock: note('unlock'),
    permitResets: note('permitResets'),
    stopTree: note('stopTree'),
  };
  const source = new Source({ channels: new Channels(), announce: (event) => events.push(event) }, acts);
  return { source, done, restarts, events, saved: () => saved };
}

const frozen = (inMs = 60_000): SourceRecord => ({ state: 'frozen', ...who, thawAt: uptimeMs() + inMs });
const freeze = (source: Source) =>
  source
    .freeze({ containers: [{ id: containerId, volumes: [] }], channel: 'main', thawAfterMs: 60_000 })
    .catch((error) => error);
const busy = () => {
  throw new Error('no room');
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a seal that comes', () => {
  it('while a thaw is under way is refused, whoever began that', async () => {
    for (const begin of [
      (source: Source) => source.thaw({ containerIds, podLogs }),
      (source: Source) => source.end(),
      () => vi.advanceTimersByTimeAsync(60_000),
    ]) {
      const slow = gate();
      const { source, done, saved } = sourceWith(frozen(), { unlock: slow.pass });
      await source.recover();
      const thawed = begin(source);
      await vi.advanceTimersByTimeAsync(0);
      await expect(source.seal({ containerIds, podLogs })).rejects.toMatchObject({ code: 'already-thawed' });
      expect(saved().state).toBe('thawing');
      slow.open();
      await thawed;
      await vi.advanceTimersByTimeAsync(0);
      expect(done).toEqual(['unlock', 'continueTree']);
      expect(saved().state).toBe('thawed');
    }
  });

  it('before the deadline keeps the source stopped', async () => {
    const { source, done, restarts } = sourceWith(frozen());
    await source.recover();
    expect(await source.seal({ containerIds, podLogs })).toEqual({ obstacle: '' });
    expect(restarts).toEqual(['prevented']);
    await vi.advanceTimersByTimeAsync(120_000);
    await source.end();
    expect(done).toEqual([]);
    expect(source.status()).toMatchObject({ state: 'sealed', thawInMs: null });
    await source.thaw({ containerIds, podLogs });
    expect(restarts).toEqual(['prevented', 'allowed']);
  });

  it('holds where kubelet cannot be kept from starting containers, and says why', async () => {
    const { source } = sourceWith(frozen(), { preventRestarts: busy });
    await source.recover();
    const { obstacle } = await source.seal({ containerIds, podLogs });
    expect(obstacle).not.toBe('');
    expect(source.status().state).toBe('sealed');
  });

  it('to a helper that restarted in the middle of a thaw is refused, and the thaw goes on', async () => {
    const { source, done } = sourceWith({ state: 'thawing', ...who });
    await source.recover();
    await expect(source.seal({ containerIds, podLogs })).rejects.toMatchObject({ code: 'already-thawed' });
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toEqual(['unlock', 'continueTree']);
  });
});

describe('a helper in the place of one that is gone', () => {
  const containers = [{ id: containerId, volumes: [] }];

  it.each([
    ['stopped', { isStopped: () => true }],
    ['cut off', { isLocked: async () => true }],
  ])('takes up a source that is %s, keeps it so, and lets it go on when asked', async (_what, over) => {
    const { source, done, saved } = sourceWith({ state: 'idle' }, over);
    await source.takeUp({ containers });
    expect(saved().state).toBe('sealed');
    expect(source.isKept()).toBe(true);
    await source.end();
    expect(done).toEqual([]);
    await source.thaw({ containerIds, podLogs });
    expect(done).toEqual(['unlock', 'continueTree']);
    expect(source.isKept()).toBe(false);
  });

  it('leaves alone what runs, what is gone, and what it froze itself', async () => {
    const running = sourceWith({ state: 'idle' });
    await running.source.takeUp({ containers });
    expect(running.source.status().state).toBe('idle');
    const missing = () => {
      throw new HelperFailure('container-not-found', 'gone');
    };
    const gone = sourceWith({ state: 'idle' }, { findRoot: missing, isLocked: async () => true });
    await gone.source.takeUp({ containers });
    expect(gone.source.status().state).toBe('idle');
    const own = sourceWith(frozen(), { isStopped: () => true });
    await own.source.recover();
    await own.source.takeUp({ containers });
    expect(own.source.status().state).toBe('frozen');
  });
});

it('a release under way cannot be thawed', async () => {
  const slow = gate();
  const { source, done } = sourceWith({ ...frozen(), state: 'sealed' } as SourceRecord, { permitResets: slow.pass });
  await source.recover();
  const released = source.release({ containerIds });
  await expect(source.thaw({ containerIds, podLogs })).rejects.toMatchObject({ code: 'wrong-state' });
  slow.open();
  await released;
  expect(done).toEqual(['permitResets']);
});

it('lock and resets are done by programs that were started before the freeze', async () => {
  const spare = { ...armed };
  const started = [{ ...armed }, { ...armed }];
  const used: unknown[] = [];
  const acts = {
    podAddresses: async () => ['10.1.0.5'],
    armNetwork: () => started.shift(),
    armAbort: () => spare,
    lock: async (_pid: number, ahead: unknown) => used.push(ahead),
    permitResets: async (_pid: number, ahead: unknown) => used.push(ahead),
    abortOutside: async (_pid: number, own: readonly string[], ahead: unknown) => used.push(own, ahead),
  } as unknown as SourceActs;
  const network = new NetworkAhead(acts);
  const [first, second] = started;
  await network.prepare(77);
  await network.lock(77);
  await network.release(77);
  expect(used).toEqual([first, second, ['10.1.0.5'], spare]);
  // An armed program acts once: after that, and for another pod, a fresh one is started.
  await network.lock(77);
  await network.release(78);
  expect(used.slice(4)).toEqual([undefined, undefined, ['10.1.0.5'], undefined]);
});

describe.each([
  ['ahead', 3_600_000],
  ['back', -3_600_000],
])('a node’s clock that is set an hour %s', (_way, ms) => {
  it('changes nothing about when a source that nobody seals goes on', async () => {
    const slow = gate();
    const { source, done } = sourceWith({ state: 'idle' }, { permitResets: slow.pass });
    const fenced = source.fence({ containerIds, thawAfterMs: 60_000 });
    vi.setSystemTime(Date.now() + ms);
    slow.open();
    await fenced;
    await vi.advanceTimersByTimeAsync(59_000);
    expect(source.status()).toMatchObject({ state: 'frozen', thawInMs: 1000 });
    expect(done).toEqual(['permitResets']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(['permitResets', 'unlock', 'continueTree']);
  });

  it('changes nothing about it for a helper that restarts after it', async () => {
    const { source, done } = sourceWith(frozen(60_000));
    vi.setSystemTime(Date.now() + ms);
    await source.recover();
    await vi.advanceTimersByTimeAsync(59_999);
    expect(done).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toEqual(['unlock', 'continueTree']);
  });
});

describe('a thaw in the middle of a freeze', () => {
  it('while the network is being locked prevents the dump', async () => {
    const slow = gate();
    const { source, done } = sourceWith({ state: 'idle' }, { lock: slow.pass });
    const reply = freeze(source);
    const thawed = source.thaw({ containerIds, podLogs });
    await vi.advanceTimersByTimeAsync(10);
    expect(done).toEqual([]);
    slow.open();
    expect(await reply).toMatchObject({ code: 'already-thawed' });
    await thawed;
    expect(done).not.toContain('dump');
    expect(done.at(-1)).toBe('continueTree');
    expect(source.status().state).toBe('thawed');
  });

  it('while CRIU dumps continues the tree after it', async () => {
    const slow = gate();
    const { source, done } = sourceWith({ state: 'idle' }, { dump: slow.pass });
    const reply = freeze(source);
    await vi.advanceTimersByTimeAsync(10);
    const ended = source.end();
    slow.open();
    expect(await reply).toBeInstanceOf(Error);
    await ended;
    expect(done.slice(0, 2)).toEqual(['lock', 'dump']);
    expect(done.at(-1)).toBe('continueTree');
  });

  it('lets containers go on that were stopped and not dumped', async () => {
    const sibling = { id: 'd'.repeat(64), pid: 88 };
    const acts: string[] = [];
    const { source, done } = sourceWith(
      { state: 'idle' },
      {
        findRoot: (id) => (id === sibling.id ? sibling.pid : member.rootPid),
        dump: () => Promise.reject(new Error('refused')),
        continueTree: (pid) => void acts.push(`continue ${pid}`),
      },
    );
    const containers = [{ id: containerId, volumes: [] }];
    const reply = source.freeze({ containers, siblings: [sibling.id], channel: 'main', thawAfterMs: 60_000 });
    expect(await reply.catch((error) => error)).toMatchObject({ message: 'refused' });
    expect(done.slice(0, 2)).toEqual(['lock', 'stopTree']);
    expect(acts).toEqual([`continue ${member.rootPid}`, `continue ${sibling.pid}`]);
  });

  it.each(['lock', 'dump'] as const)('is made when %s fails', async (act) => {
    const { source, done } = sourceWith({ state: 'idle' }, { [act]: () => Promise.reject(new Error('refused')) });
    expect(await freeze(source)).toMatchObject({ message: 'refused' });
    expect(done.slice(-2)).toEqual(['unlock', 'continueTree']);
    expect(source.status().state).toBe('thawed');
  });
});

describe('a thaw that meets a failure', () => {
  it('continues the tree all the same and is tried again', async () => {
    const outcomes = [() => Promise.reject(new Error('nft')), async () => {}];
    const { source, done, events } = sourceWith(frozen(100), { unlock: async () => outcomes.shift()?.() });
    await source.recover();
    await vi.advanceTimersByTimeAsync(100);
    expect(done).toEqual(['continueTree']);
    expect(events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(['continueTree', 'unlock', 'continueTree']);
    expect(events).toMatchObject([{ event: 'thawed' }]);
    expect(source.status().state).toBe('thawed');
  });

  it('minds neither names that stay nor a record that cannot be written at once', async () => {
    const save = vi.fn<(record: SourceRecord) => void>().mockImplementationOnce(busy);
    const { source, done } = sourceWith(frozen(), { removeLinkRemaps: busy, save });
    await source.recover();
    await source.thaw({ containerIds, podLogs });
    expect(done).toEqual(['unlock', 'continueTree']);
    expect(save).toHaveBeenLastCalledWith({ state: 'thawed', ...who });
  });

  it('has a second try when the helper ends', async () => {
    const outcomes = [() => Promise.reject(new Error('nft')), async () => {}];
    const { source, done } = sourceWith(frozen(), { unlock: async () => outcomes.shift()?.() });
    await source.recover();
    await source.end();
    expect(done).toEqual(['continueTree', 'unlock', 'continueTree']);
  });
});

describe('a source that is fenced for a checkpoint of the runtime', () => {
  const archive = '/var/lib/kubelet/checkpoints/checkpoint-cart-0_shop-main-2026-01-01T00:00:00Z.tar';
  const idle: SourceRecord = { state: 'idle' };

  it('is cut off, stopped when the checkpoint is there, and let go like a frozen one', async () => {
    const { source, done, saved } = sourceWith(idle, { abortOutside: async () => 3 });
    expect(await source.fence({ containerIds, thawAfterMs: 60_000 })).toEqual({ connections: 3 });
    expect(done).toEqual(['permitResets']);
    expect(await source.halt({ containerIds, archive })).toEqual({ bytes: 512 });
    expect(done).toEqual(['permitResets', 'stopTree']);
    expect(saved().state).toBe('frozen');
    await source.thaw({ containerIds, podLogs });
    expect(done).toEqual(['permitResets', 'stopTree', 'unlock', 'continueTree']);
  });

  it('goes on by itself when nobody comes back, and cannot be stopped after that', async () => {
    const { source, done } = sourceWith(idle);
    await source.fence({ containerIds, thawAfterMs: 60_000 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual(['permitResets', 'unlock', 'continueTree']);
    await expect(source.halt({ containerIds, archive })).rejects.toMatchObject({ code: 'already-thawed' });
    expect(done).not.toContain('stopTree');
  });

  it('serves again when it could not be fenced', async () => {
    const { source, done } = sourceWith(idle, { permitResets: busy });
    await expect(source.fence({ containerIds, thawAfterMs: 60_000 })).rejects.toThrow('no room');
    expect(done).toEqual(['unlock', 'continueTree']);
  });

  it('is not let go while it is being stopped', async () => {
    const slow = gate();
    const { source, done } = sourceWith(idle, { stopTree: slow.pass });
    await source.fence({ containerIds, thawAfterMs: 60_000 });
    const halted = source.halt({ containerIds, archive }).catch((error: unknown) => error);
    const thawed = source.thaw({ containerIds, podLogs });
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toEqual(['permitResets']);
    slow.open();
    await thawed;
    expect(done).toEqual(['permitResets', 'stopTree', 'unlock', 'continueTree']);
    expect(await halted).toMatchObject({ code: 'already-thawed' });
  });
});
