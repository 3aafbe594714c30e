import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../../src/domain/errors.ts';
import { HelperSession } from '../../../src/engines/helper/session.ts';
import { ATTACH_COMMAND } from '../../../src/helper/pod-spec.ts';
import { HELPER_ERROR_CODES, PROTOCOL_VERSION } from '../../../src/helper/protocol.ts';
import { type Line, openLine } from '../../fixtures/helper-line.ts';

const containers = { containerIds: ['c0'.repeat(32)] };
const seal = { ...containers, podLogs: 'shop_cart-0_135323d2-210e-4783-85a6-c7afaa8b01fa' };

/** A session whose streams are opened one after the other; `opened` yields the n-th, from 1. */
async function session(refuse: (attempt: number) => Error | undefined | Promise<undefined> = () => undefined) {
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  let attempts = 0;
  const talk = new HelperSession('source', async (command) => {
    expect(command).toEqual(ATTACH_COMMAND);
    attempts += 1;
    const error = await refuse(attempts);
    if (error) throw error;
    const line = openLine();
    lines.push(line);
    for (const wake of waiting) wake();
    return line.stream;
  });
  const opened = async (count: number): Promise<Line> => {
    for (;;) {
      const line = lines[count - 1];
      if (line) return line;
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };
  await talk.attach();
  return { talk, opened, line: await opened(1), lines };
}

describe('a session', () => {
  it('gives each caller the reply to its own request, in whatever order they come', async () => {
    const { talk, line } = await session();
    const going = talk.call('continue', containers);
    const release = talk.call('release-connections', containers);
    const [first, second] = [await line.arrived(1), await line.arrived(2)];
    expect([first.op, second.op]).toEqual(['continue', 'release-connections']);
    expect(first.id).not.toBe(second.id);
    line.reply(second.id, { connections: 2 });
    line.reply(first.id, { connections: 3, totalMs: 1 });
    expect(await going).toEqual({ connections: 3, totalMs: 1 });
    expect(await release).toEqual({ connections: 2 });
  });

  it('reads replies however they are cut', async () => {
    const { talk, line } = await session();
    const call = talk.call('continue', containers);
    const { id } = await line.arrived(1);
    const text = `${JSON.stringify({ v: PROTOCOL_VERSION, id, ok: true, result: { connections: 3, totalMs: 1 } })}\n`;
    for (const letter of text) line.say(letter);
    expect(await call).toEqual({ connections: 3, totalMs: 1 });
  });

  it('passes progress on to the caller that it belongs to', async () => {
    const { talk, line } = await session();
    const seen: number[] = [];
    const call = talk.call('continue', containers, { onProgress: (bytes) => seen.push(bytes) });
    const { id } = await line.arrived(1);
    for (const bytes of [1, 2]) {
      line.say(`${JSON.stringify({ v: PROTOCOL_VERSION, id, event: 'progress', bytes })}\n`);
    }
    line.say(`${JSON.stringify({ v: PROTOCOL_VERSION, id: 'other', event: 'progress', bytes: 9 })}\n`);
    line.say(`${JSON.stringify({ v: PROTOCOL_VERSION, event: 'thawed', reason: 'deadline' })}\n`);
    line.reply(id, { connections: 1, totalMs: 1 });
    await call;
    expect(seen).toEqual([1, 2]);
  });

  it('does not mistake another session’s replies for its own', async () => {
    const { talk, line } = await session();
    const call = talk.call('continue', containers);
    const { id } = await line.arrived(1);
    line.reply('somebody-1', { connections: 9, totalMs: 1 });
    line.reply(id, { connections: 1, totalMs: 1 });
    expect(await call).toEqual({ connections: 1, totalMs: 1 });
  });
});

describe('a helper that refuses', () => {
  const MEANING: Readonly<Record<string, string>> = {
    'criu-refused-dump': 'F340',
    'criu-refused-restore': 'F341',
    'transfer-broken': 'F342',
    'already-thawed': 'F320',
    'container-not-found': 'F344',
  };

  it.each(HELPER_ERROR_CODES)('with %s is told with its own words', async (code) => {
    const { talk, line } = await session();
    const call = talk.call('seal', seal);
    line.refuse((await line.arrived(1)).id, code, 'as CRIU says it');
    await expect(call).rejects.toMatchObject({
      code: MEANING[code] ?? 'F332',
      detail: expect.stringMatching(new RegExp(`as CRIU says it \\(source helper, ${code}\\)`)),
    });
  });

  it('for a freeze that took too long names the flag that allows more', async () => {
    const { talk, line } = await session();
    const call = talk.call('seal', seal);
    line.refuse((await line.arrived(1)).id, 'already-thawed');
    await expect(call).rejects.toMatchObject({ code: 'F320', remedy: expect.stringContaining('--max-freeze') });
  });

  it('for want of room says where else to go', async () => {
    const { talk, line } = await session();
    const call = talk.call('seal', seal);
    line.refuse((await line.arrived(1)).id, 'no-space');
    await expect(call).rejects.toMatchObject({ remedy: expect.stringContaining('--to-node') });
  });
});

describe('a helper of another version', () => {
  it.each(['panic: runtime error', '{"v":2,"id":"x","ok":true,"result":{}}', '{"v":1,"ok":true}', ''])(
    'is found by what it says: %j',
    async (text) => {
      const { talk, line } = await session();
      const call = talk.call('continue', containers);
      await line.arrived(1);
      line.say(`${text}\n`);
      await expect(call).rejects.toMatchObject({ code: 'F332', remedy: expect.stringContaining('--helper-image') });
    },
  );

  it('is found by a result of another shape', async () => {
    const { talk, line } = await session();
    const call = talk.call('continue', containers);
    line.reply((await line.arrived(1)).id, { connections: 'three', totalMs: 1 });
    await expect(call).rejects.toMatchObject({
      code: 'F332',
      detail:
        'the source helper is of another version than this program: its reply to continue has another shape (connections: Invalid input: expected number, received string)',
    });
  });

  it('is found by what it does not take', async () => {
    const { talk, line } = await session();
    const call = talk.call('continue', seal);
    const { id } = await line.arrived(1);
    const error = { code: 'bad-request', summary: 'bad arguments for continue', detail: 'containers: Required' };
    line.say(`${JSON.stringify({ v: 1, id, ok: false, error })}\n`);
    await expect(call).rejects.toMatchObject({ code: 'F332', remedy: expect.stringContaining('--helper-image') });
  });
});

describe('a lost stream', () => {
  it.each(['cut', 'end'] as const)('is attached again, and what is unanswered is sent again: %s', async (how) => {
    const { talk, line, opened } = await session();
    const done = talk.call('continue', containers);
    const open = talk.call('release-connections', containers);
    const [first, second] = [await line.arrived(1), await line.arrived(2)];
    line.reply(first.id, { connections: 1, totalMs: 1 });
    await done;
    line[how](1);
    const next = await opened(2);
    const again = await next.arrived(1);
    expect(again).toEqual(second);
    next.reply(again.id, { connections: 0 });
    await open;
    expect(next.requests).toHaveLength(1);
  });

  it('is given up after five times, with the reason', async () => {
    const { talk, opened, lines } = await session();
    const call = talk.call('continue', containers);
    call.catch(() => undefined);
    for (const count of [1, 2, 3, 4, 5, 6]) (await opened(count)).cut();
    await expect(call).rejects.toMatchObject({ code: 'F331', detail: expect.stringContaining('the network is gone') });
    expect(lines).toHaveLength(6);
  });

  it('that cannot be attached again fails the calls that wait, and those to come', async () => {
    const gone = new MigrateError('F314', { detail: 'pod helper is gone', remedy: 'look' });
    const { talk, line } = await session((attempt) => (attempt > 1 ? gone : undefined));
    const call = talk.call('continue', containers);
    await line.arrived(1);
    line.cut();
    await expect(call).rejects.toBe(gone);
    await expect(talk.call('thaw', seal)).rejects.toMatchObject({ detail: expect.stringContaining('gone') });
  });

  it('that could not be attached is tried once more by each later call, the way back’s for instance', async () => {
    const gone = new MigrateError('F310', { detail: 'unreachable for a moment', remedy: 'wait' });
    const { talk, line, opened } = await session((attempt) => (attempt === 2 ? gone : undefined));
    const call = talk.call('continue', containers);
    await line.arrived(1);
    line.cut();
    await expect(call).rejects.toBe(gone);
    const thaws = [talk.call('thaw', seal), talk.call('thaw', seal)];
    const next = await opened(2);
    for (const count of [1, 2]) next.reply((await next.arrived(count)).id, {});
    await expect(Promise.all(thaws)).resolves.toEqual([{}, {}]);
    expect(next.requests.map(({ op }) => op)).toEqual(['thaw', 'thaw']);
  });

  it('of before is not listened to any more', async () => {
    const { talk, line, opened } = await session();
    const call = talk.call('continue', containers);
    await line.arrived(1);
    line.cut();
    const next = await opened(2);
    line.end(0);
    const { id } = await next.arrived(1);
    next.reply(id, { connections: 1, totalMs: 1 });
    await expect(call).resolves.toEqual({ connections: 1, totalMs: 1 });
  });
});

describe('a call', () => {
  it('that is aborted ends with the reason, and its late reply disturbs nobody', async () => {
    const { talk, line } = await session();
    const stop = new AbortController();
    const call = talk.call('continue', containers, { signal: stop.signal });
    const { id } = await line.arrived(1);
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    const next = talk.call('continue', containers);
    line.reply(id, { connections: 1, totalMs: 1 });
    line.reply((await line.arrived(2)).id, { connections: 2, totalMs: 1 });
    await expect(next).resolves.toEqual({ connections: 2, totalMs: 1 });
  });

  it('that is too late is not sent', async () => {
    const { talk, line } = await session();
    await expect(
      talk.call('continue', containers, { signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow();
    expect(line.requests).toEqual([]);
  });

  it('fails when the session is closed, before or after', async () => {
    const { talk, line, lines } = await session();
    const call = talk.call('continue', containers);
    call.catch(() => undefined);
    talk.close();
    talk.close();
    await expect(call).rejects.toMatchObject({ code: 'F331' });
    expect(line.closed()).toBe(true);
    line.end(0);
    await expect(talk.call('continue', containers)).rejects.toMatchObject({ code: 'F331' });
    expect(lines).toHaveLength(1);
  });

  it('leaves no stream open that comes to be after the session was closed', async () => {
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()];
    const { talk, line, opened } = await session((attempt) => {
      if (attempt === 1) return undefined;
      asked.resolve();
      return answered.promise;
    });
    line.cut();
    await asked.promise;
    talk.close();
    answered.resolve(undefined);
    const again = await opened(2);
    await expect.poll(() => again.closed()).toBe(true);
  });
});
