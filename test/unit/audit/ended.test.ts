import { expect, it } from 'vitest';
import { type Link, linkAfter, NO_LINKS } from '../../../src/audit/chain.ts';
import { endIn } from '../../../src/audit/ended.ts';
import type { AuditEntry } from '../../../src/audit/entry.ts';
import { auditEntry } from '../../fixtures/audit.ts';

const ID = 'm-7f3kqx';
type Parts = Partial<AuditEntry>;

function chainOf(parts: readonly Parts[]): readonly Link[] {
  const links: Link[] = [];
  for (const each of parts) links.push(linkAfter(links.at(-1) ?? NO_LINKS, auditEntry(each)));
  return links;
}

const begun = { event: 'begun' } as const;
const ended = { event: 'ended' } as const;

it.each<[Parts, boolean]>([
  [{ ...ended, action: 'rollback', outcome: 'done' }, true],
  [{ ...ended, action: 'finalize', outcome: 'done' }, true],
  [{ ...ended, action: 'resume', outcome: 'done' }, true],
  [{ ...ended, action: 'migrate', outcome: 'done' }, true],
  [{ ...ended, action: 'migrate', outcome: 'failed', code: 'F341' }, true],
  [{ ...ended, action: 'migrate', outcome: 'interrupted' }, true],
  [{ ...ended, action: 'resume', outcome: 'failed', code: 'F348' }, true],
  [{ ...ended, action: 'migrate', outcome: 'midway', code: 'F391' }, false],
  [{ ...ended, action: 'migrate', outcome: 'rollbackIncomplete' }, false],
  [{ ...ended, action: 'resume', outcome: 'failed', code: 'F310' }, false],
  [{ ...ended, action: 'rollback', outcome: 'declined', code: 'F373' }, false],
  [{ ...ended, action: 'check', outcome: 'done' }, false],
  [{ ...ended, action: 'abandon', outcome: 'done' }, true],
  [{ ...ended, action: 'abandon', outcome: 'locked', code: 'F370' }, false],
  [{ ...ended, action: 'force-unlock', outcome: 'done' }, false],
  [{ ...begun, action: 'rollback' }, false],
  [{ ...ended, action: 'rollback', outcome: 'done', migration: 'm-other' }, false],
])('%j is an end: %s', (parts, isEnd) => {
  const links = chainOf([begun, parts, { ...begun, migration: 'm-next' }]);
  expect(endIn(links, ID, false)).toEqual(isEnd ? links[1]?.entry : undefined);
});

it.each<[Parts, boolean]>([
  [{ ...ended, action: 'migrate', outcome: 'done' }, false],
  [{ ...ended, action: 'resume', outcome: 'done' }, false],
  [{ ...ended, action: 'migrate', outcome: 'failed' }, true],
  [{ ...ended, action: 'rollback', outcome: 'done' }, true],
  [{ ...ended, action: 'finalize', outcome: 'done' }, true],
])('%j is the end of a move that holds its source: %s', (parts, isEnd) => {
  expect(endIn(chainOf([begun, parts]), ID, true) !== undefined).toBe(isEnd);
});
