import { describe, expect, it } from 'vitest';
import { type Handlers, makeDispatch } from '../../../src/helper/dispatch.ts';
import { HelperFailure } from '../../../src/helper/failure.ts';
import { splitLines } from '../../../src/helper/lines.ts';
import { helperOps } from '../../../src/helper/protocol.ts';

const containerId = 'a'.repeat(64);
const line = (id: string, op: string, args: unknown) => JSON.stringify({ v: 1, id, op, args });

const podLogs = 'shop_cart-0_135323d2-210e-4783-85a6-c7afaa8b01fa';

function dispatchWith(handlers: Partial<Handlers>) {
  const refuse = async () => {
    throw new HelperFailure('wrong-state', 'not in this test');
  };
  const all = Object.fromEntries(Object.keys(helperOps).map((op) => [op, refuse]));
  return makeDispatch({ ...all, ...handlers } as Handlers);
}

describe('requests', () => {
  it('are carried out once, however often they come', async () => {
    let times = 0;
    const dispatch = dispatchWith({
      seal: async () => {
        times++;
        return { obstacle: '' };
      },
    });
    const request = line('r1', 'seal', { containerIds: [containerId], podLogs });
    const replies = await Promise.all([dispatch(request), dispatch(request)]);
    expect([...replies, await dispatch(request)]).toEqual(
      Array(3).fill({ v: 1, id: 'r1', ok: true, result: { obstacle: '' } }),
    );
    expect(times).toBe(1);
  });

  it('keep their failure too', async () => {
    const dispatch = dispatchWith({});
    const reply = await dispatch(line('r2', 'thaw', { containerIds: [containerId], podLogs }));
    expect(reply).toMatchObject({ ok: false, error: { code: 'wrong-state' } });
    expect(await dispatch(line('r2', 'thaw', { containerIds: [containerId], podLogs }))).toBe(reply);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['another version', JSON.stringify({ v: 2, id: 'x', op: 'status', args: {} })],
    ['an unknown operation', line('x', 'destroy', {})],
    ['an inherited name', line('x', 'constructor', {})],
    ['a path for an id', line('x', 'seal', { containerIds: ['../../etc'], podLogs })],
    ['a path for the name of a directory', line('x', 'seal', { containerIds: [containerId], podLogs: '../etc_a_b' })],
    ['more than asked for', line('x', 'seal', { containerIds: [containerId], podLogs, force: true })],
    ['a number out of bounds', line('x', 'await-channel', { channel: 'a', timeoutMs: 1e12 })],
  ])('are refused: %s', async (_, text) => {
    expect(await dispatchWith({})(text)).toMatchObject({ ok: false, error: { code: 'bad-request' } });
  });

  it('hide nothing of an unexpected failure from the plugin', async () => {
    const dispatch = dispatchWith({ thaw: () => Promise.reject(new Error('boom')) });
    const reply = await dispatch(line('x', 'thaw', { containerIds: [containerId], podLogs }));
    expect(reply).toMatchObject({ error: { code: 'internal', detail: expect.stringContaining('boom') } });
  });
});

describe('lines', () => {
  it('come whole, however they were cut', async () => {
    async function* chunks() {
      for (const text of ['{"a"', ':1}\n{"b":2', '}\n\n', 'rest']) yield Buffer.from(text);
    }
    const found = [];
    for await (const each of splitLines(chunks())) found.push(each);
    expect(found).toEqual(['{"a":1}', '{"b":2}', '']);
  });
});
