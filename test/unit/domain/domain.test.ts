import { describe, expect, it } from 'vitest';
import { declares, type Effect, effectKey } from '../../../src/domain/effect.ts';
import { asMigrateError, declined, failureCode, isMigrateError, MigrateError } from '../../../src/domain/errors.ts';
import { blocking, type Finding } from '../../../src/domain/finding.ts';
import { newMigrationId } from '../../../src/domain/names.ts';
import { isAfterCommit, PHASES } from '../../../src/domain/phase.ts';
import { describeRef, type ObjectRef } from '../../../src/domain/refs.ts';

const pod: ObjectRef = { side: 'source', apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'cart-0' };

function finding(code: Finding['code'], severity: Finding['severity']): Finding {
  return { code, severity, what: `what of ${code}`, why: 'why', remedy: `remedy of ${code}` };
}

describe('a declared effect', () => {
  const effect = (name: string): Effect => ({
    step: 'a',
    phase: 'switch',
    verb: 'patch',
    object: { ...pod, name },
    detail: 'x',
  });

  it.each<readonly [string, string, boolean]>([
    ['cart-0', 'cart-0', true],
    ['cart-0', 'cart-01', false],
    ['cart-*', 'cart-5d4', true],
    ['cart-*', 'cart', false],
    ['cart-*', 'carton-5d4', false],
    ['*', 'cart-0', false],
  ])('on %s allows an act on %s: %s', (declared, name, allowed) => {
    expect(declares([effect(declared)])({ verb: 'patch', object: { ...pod, name } })).toBe(allowed);
    expect(declares([effect(declared)])({ verb: 'delete', object: { ...pod, name } })).toBe(false);
  });
});

describe('effectKey', () => {
  const base = { verb: 'patch', object: pod } as const;

  it.each([
    ['verb', { ...base, verb: 'delete' as const }],
    ['side', { ...base, object: { ...pod, side: 'target' as const } }],
    ['version', { ...base, object: { ...pod, apiVersion: 'v2' } }],
    ['kind', { ...base, object: { ...pod, kind: 'Service' } }],
    ['namespace', { ...base, object: { ...pod, namespace: 'other' } }],
    ['name', { ...base, object: { ...pod, name: 'cart-1' } }],
  ])('tells acts apart by %s', (_what, other) => {
    expect(effectKey(other)).not.toBe(effectKey(base));
  });

  it('does not depend on what is only shown', () => {
    const effect: Effect = { ...base, step: 'a', phase: 'prepare', detail: 'x', undoes: true };
    expect(effectKey(effect)).toBe(effectKey(base));
  });
});

describe('refs', () => {
  it('are written with side, kind and place', () => {
    const { namespace: _none, ...node } = { ...pod, kind: 'Node', name: 'east-1' };
    expect(describeRef(pod)).toBe('source pod shop/cart-0');
    expect(describeRef(node)).toBe('source node east-1');
  });
});

describe('phases', () => {
  it('lead only forward after the commit', () => {
    expect(PHASES.filter(isAfterCommit)).toEqual(['switch', 'hold', 'finalize']);
  });
});

describe('findings', () => {
  it('stop a move only as errors', () => {
    const all = [finding('E105', 'error'), finding('W202', 'warning'), finding('E110', 'error')];
    expect(blocking(all).map(({ code }) => code)).toEqual(['E105', 'E110']);
  });

  it('make one refusal that tells all of them', () => {
    const error = declined([finding('E105', 'error'), finding('E110', 'error')]);
    expect(error).toMatchObject({ code: 'F305', outcome: 'declined' });
    expect(error.findings).toHaveLength(2);
    for (const text of ['E105 what of E105', 'E110 what of E110']) expect(error.detail).toContain(text);
    for (const text of ['remedy of E105', 'remedy of E110']) expect(error.remedy).toContain(text);
  });
});

describe('errors', () => {
  it('stay as they are when they are ours, whatever class they have', () => {
    const error = new MigrateError('F310', { detail: 'd', remedy: 'r' });
    const foreign = Object.assign(Object.create(null), error);
    expect(asMigrateError(error)).toBe(error);
    expect(isMigrateError(foreign)).toBe(true);
    expect(failureCode(error)).toBe('F310');
    expect(error).toMatchObject({ outcome: 'failed', findings: [] });
  });

  it.each([new TypeError('x is not a function'), 'a string', undefined])('become a defect otherwise: %s', (thrown) => {
    expect(failureCode(thrown)).toBeUndefined();
    expect(asMigrateError(thrown)).toMatchObject({ code: 'F399', outcome: 'failed' });
    // A flag in there would have to exist.
    expect(asMigrateError(thrown).remedy).not.toMatch(/(^| )-/);
  });
});

describe('migration ids', () => {
  it.each([0, 0.5, 0.999_999])('fit in object names (random %d)', (random) => {
    expect(newMigrationId(() => random)).toMatch(/^m-[a-z0-9]{6}$/);
  });
});
