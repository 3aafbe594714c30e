import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkAfter, linkSchema, NO_LINKS } from '../../../src/audit/chain.ts';
import type { Json } from '../../../src/domain/json.ts';
import { assembleRecord, parseHeader, parseWrite, planDigest, SCHEMA_VERSION } from '../../../src/journal/record.ts';
import { auditEntry } from '../../fixtures/audit.ts';
import { outcomeOf } from '../../support/outcome.ts';

const plan = { pod: 'cart-0', deadlines: { maxFreeze: 30_000 }, effects: [{ verb: 'create', name: 'x' }] };
const header = {
  schemaVersion: SCHEMA_VERSION,
  id: 'm-7f3kqx',
  lineage: '0b4e2f6e-3a51-4d3c-9f0e-0a4f5d1b2c3d',
  plan,
  planDigest: planDigest(plan),
  user: 'ann',
  host: 'laptop',
  version: '0.1.0',
  createdAt: '2026-11-24T12:00:00.000Z',
};

/** Every place of a document that holds a value, as a path. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [
    ...(path.length > 0 ? [[...path]] : []),
    ...Object.entries(value).flatMap(([key, field]) => places(field, [...path, key])),
  ];
}

function withChange(document: object, path: readonly string[], change: unknown): unknown {
  const copy = structuredClone(document) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = change;
  return copy;
}

describe('a record that somebody changed', () => {
  it('has a plan that is refused, wherever it was changed', () => {
    expect(outcomeOf(() => parseHeader(header, 'here'))).toBeUndefined();
    const inPlan = places(header).filter(([first]) => first === 'plan');
    fc.assert(
      fc.property(fc.constantFrom(...inPlan), fc.json(), (path, text) => {
        const changed = withChange(header, path, JSON.parse(text)) as typeof header;
        fc.pre(planDigest(changed.plan as unknown as Json) !== header.planDigest);
        expect(outcomeOf(() => parseHeader(changed, 'here'))).toBe('F350');
      }),
    );
  });

  it('is read or refused with F350, never with anything else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...places(header)), fc.anything(), (path, value) => {
        const changed = withChange(header, path, value);
        expect([undefined, 'F350']).toContain(outcomeOf(() => parseHeader(changed, 'here')));
      }),
    );
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(outcomeOf(() => parseHeader(value, 'here'))).toBe('F350');
        expect(outcomeOf(() => parseWrite(value, 'here'))).toBe('F350');
      }),
    );
  });

  it('of a newer version says so', () => {
    const newer = { ...header, schemaVersion: SCHEMA_VERSION + 1, more: true };
    expect(outcomeOf(() => parseHeader(newer, 'here'))).toBe('F350');
  });

  it('shows a write that is missing or out of order', () => {
    const write = (serial: number) => ({
      serial,
      state: 'running' as const,
      entries: [{ serial, time: header.createdAt, step: 'lock', kind: 'intent' as const }],
    });
    const good = parseHeader(header, 'here');
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4]), (serials) => {
        const inOrder = serials.every((serial, index) => serial === index + 1);
        const code = outcomeOf(() => assembleRecord(good, serials.map(write) as never, 'here'));
        expect(code).toBe(inOrder ? undefined : 'F350');
      }),
    );
  });
});

it('a link of the audit record that somebody changed is no link, or another one', () => {
  const link = linkAfter(NO_LINKS, auditEntry());
  fc.assert(
    fc.property(fc.constantFrom(...places(link)), fc.json(), (path, text) => {
      const changed = withChange(link, path, JSON.parse(text));
      const parsed = linkSchema.safeParse(changed);
      if (parsed.success)
        expect(linkAfter(NO_LINKS, parsed.data.entry).hash === parsed.data.hash).toBe(
          JSON.stringify(parsed.data) === JSON.stringify(link),
        );
    }),
  );
});
