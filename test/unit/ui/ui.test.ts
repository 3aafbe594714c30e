import { describe, expect, it } from 'vitest';
import { declined, MigrateError } from '../../../src/domain/errors.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { MESSAGE_SCHEMA } from '../../../src/report/message.ts';
import { renderError } from '../../../src/ui/error-view.ts';
import { lineRenderer } from '../../../src/ui/line-renderer.ts';
import { ndjsonRenderer } from '../../../src/ui/ndjson-renderer.ts';
import { renderPlan } from '../../../src/ui/plan-view.ts';
import { columns } from '../../../src/ui/table.ts';
import { service } from '../../fixtures/objects.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';

const now = () => new Date('2026-01-01T12:00:00.000Z');
const finding: Finding = {
  code: 'E105',
  severity: 'error',
  what: 'pod shop/cart-0 is not running',
  why: 'only running processes have a memory',
  remedy: 'wait for it',
  field: 'status.phase',
};

function captured() {
  const lines: string[] = [];
  return { lines, write: (text: string) => lines.push(text) };
}

describe('the plan for people', () => {
  it('shows every change by phase, and none that only happens on the way back', async () => {
    const made = await plan(twoClusters({ services: [service('cart')] }));
    const text = renderPlan(made);
    const shown = made.effects.filter(({ undoes }) => !undoes);
    for (const { detail } of shown) expect(text).toContain(detail);
    expect(text).not.toContain('way back');
    const phases = text.split('\n').flatMap((line) => /^(prepare|switch|finalize) /.exec(line)?.[1] ?? []);
    expect(phases).toHaveLength(shown.length);
    expect([...new Set(phases)]).toEqual(['prepare', 'switch', 'finalize']);
  });

  it('shows warnings with what to do', async () => {
    const text = renderPlan(await plan(twoClusters({ services: [service('cart')] }), { route: 'none' }));
    expect(text).toMatch(/Warnings\n {2}W202 .*cart\n.*why: .*\n.*do: /);
  });
});

describe('a terminal of 60 columns', () => {
  const lines = (text: string) => text.trimEnd().split('\n');

  it('shows a plan with nothing lost, cut or broken within a word', async () => {
    const made = await plan(twoClusters({ services: [service('cart')] }), { hold: 60_000 });
    const wide = renderPlan(made);
    const table =
      renderPlan(made, 60)
        .split(/^PHASE.*\n/m)[1]
        ?.split(/^After/m)[0] ?? '';
    for (const line of lines(table)) expect(line.length, line).toBeLessThanOrEqual(60);
    const words = (text: string) => text.split(/\s+/).filter(Boolean).toSorted();
    expect(words(renderPlan(made, 60))).toEqual(words(wide));
    const first = made.effects.find(({ undoes }) => !undoes);
    expect(table).toMatch(/^prepare {2,}create {2}\S+ \S+\n {4}east {2}\S/m);
    expect(table).toContain(`${first?.detail}\n`);
  });

  it('keeps columns that fit under one another, and the last one in its place', () => {
    const rows = [
      ['✓', 'east', 'API server', 'Kubernetes v1.37.2 at https://10.98.0.11:6443, which is its address'],
      ['✗', 'west', 'metrics', 'not served'],
    ];
    expect(columns(rows, ['', 'WHERE', 'CHECK', 'WHAT'], 60)).toBe(
      [
        '   WHERE  CHECK       WHAT',
        '✓  east   API server  Kubernetes v1.37.2 at',
        '                      https://10.98.0.11:6443, which is its',
        '                      address',
        '✗  west   metrics     not served',
        '',
      ].join('\n'),
    );
    expect(columns(rows, undefined, 200)).toBe(columns(rows));
  });

  it('breaks what a finding says between words, and no command', () => {
    const remedy = `kubectl --context west create namespace ${'x'.repeat(40)}`;
    const text = renderError(
      declined([{ ...finding, why: 'only running processes have a memory, '.repeat(3), remedy }]),
      undefined,
      60,
    );
    const [, ...told] = lines(text);
    for (const line of told.filter((each) => !each.includes('do:'))) expect(line.length, line).toBeLessThanOrEqual(60);
    expect(text).toContain(`        do:  ${remedy}\n`);
    expect(text).toMatch(/why: only running processes have a memory, only\n {13}\S/);
  });
});

describe('an error for people', () => {
  it('says what, why and what to do', () => {
    const text = renderError(new MigrateError('F310', { detail: 'one\ntwo', remedy: 'mend' }));
    expect(text).toMatchInlineSnapshot(`
      "error F310: the API server cannot be reached
        why: one
             two
        do:  mend
      "
    `);
  });

  it('lists findings with their fields', () => {
    expect(renderError(declined([finding, { ...finding, code: 'E106' }]))).toMatchInlineSnapshot(`
      "error F305: the plan cannot be carried out
        E105  pod shop/cart-0 is not running (status.phase)
              why: only running processes have a memory
              do:  wait for it
        E106  pod shop/cart-0 is not running (status.phase)
              why: only running processes have a memory
              do:  wait for it
      "
    `);
  });
});

describe('messages', () => {
  it('are lines with phase and text; one that repeats is printed once', () => {
    const { lines, write } = captured();
    const notify = lineRenderer(write, now);
    notify({ code: 'I406', phase: 'prepare', text: 'waiting' });
    notify({ code: 'I406', phase: 'prepare', text: 'waiting' });
    notify({ code: 'I408', text: 'committed' });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d {2}prepare +waiting\n$/);
  });

  it('are NDJSON with schema, time, code and data', () => {
    const { lines, write } = captured();
    ndjsonRenderer(write, now)({ code: 'I407', text: 'two\nlines', step: 'copy', data: { bytes: 3 } });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      schema: MESSAGE_SCHEMA,
      time: '2026-01-01T12:00:00.000Z',
      code: 'I407',
      text: 'two\nlines',
      step: 'copy',
      data: { bytes: 3 },
    });
  });
});

describe('columns', () => {
  it('are aligned, without lines, colours and trailing blanks', () => {
    expect(
      columns(
        [
          ['a', 'long', 'x'],
          ['abc', 'b', ''],
        ],
        ['ONE', 'TWO', 'THREE'],
      ),
    ).toBe('ONE  TWO   THREE\na    long  x\nabc  b\n');
  });
});
