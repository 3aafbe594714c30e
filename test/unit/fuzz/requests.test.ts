import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Handlers, makeDispatch } from '../../../src/helper/dispatch.ts';
import { helperOps } from '../../../src/helper/protocol.ts';

/** Handlers that note what reaches them. */
function noting(): { handlers: Handlers; reached: unknown[] } {
  const reached: unknown[] = [];
  const names = Object.keys(helperOps);
  const handlers = Object.fromEntries(
    names.map((name) => [
      name,
      async (args: unknown) => {
        reached.push(args);
        throw new Error('reached');
      },
    ]),
  );
  return { handlers: handlers as unknown as Handlers, reached };
}

it('whatever line comes, the helper answers with a reply and does nothing that no schema allows', async () => {
  const words = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        v: fc.oneof(fc.constant(1), fc.anything()),
        id: fc.oneof(fc.string(), fc.anything()),
        op: fc.oneof(fc.constantFrom(...Object.keys(helperOps)), fc.constantFrom('__proto__', 'constructor', '')),
        args: fc.oneof(fc.object(), fc.record({ containerId: fc.string(), channel: fc.string() })),
      })
      .map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(words, async (line) => {
      const { handlers, reached } = noting();
      const reply = await makeDispatch(handlers)(line);
      expect(reply.ok).toBe(false);
      for (const args of reached) {
        expect(Object.values(helperOps).some(({ args: schema }) => schema.safeParse(args).success)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});
