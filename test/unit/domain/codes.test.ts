import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT, FAILURES } from '../../../src/domain/errors.ts';
import { FINDINGS } from '../../../src/domain/finding.ts';
import { VERSION } from '../../../src/domain/version.ts';
import { MESSAGES } from '../../../src/report/message.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const tables = { FINDINGS, FAILURES, MESSAGES };

describe('codes', () => {
  it('belong to one table each', () => {
    const all = Object.values(tables).flatMap((table) => Object.keys(table));
    expect(new Set(all).size).toBe(all.length);
  });

  it.each(Object.entries(tables))('of %s have a summary each, and no two the same', (_name, table) => {
    const texts = Object.values(table);
    expect(texts.filter((text) => text.trim() === '')).toEqual([]);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('begin with their severity', () => {
    expect(Object.keys(FINDINGS).filter((code) => !/^(E1|W2)\d\d$/.test(code))).toEqual([]);
    expect(Object.keys(FAILURES).filter((code) => !/^F3\d\d$/.test(code))).toEqual([]);
    expect(Object.keys(MESSAGES).filter((code) => !/^[IWF]4\d\d$/.test(code))).toEqual([]);
  });

  it('of a finding agree with its severity wherever one is made', () => {
    const wrong = globSync('src/**/*.ts', { cwd: root }).flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      return [...text.matchAll(/code: '([EW])[12]\d\d',\s+severity: '(\w+)'/g)]
        .filter(([, letter, severity]) => (letter === 'E') !== (severity === 'error'))
        .map(([match]) => `${file}: ${match}`);
    });
    expect(wrong).toEqual([]);
  });

  it('of failures are all thrown somewhere', () => {
    const text = globSync(['src/**/*.ts', 'cmd/**/*.ts'], { cwd: root })
      .filter((file) => file !== path.join('src', 'domain', 'errors.ts'))
      .map((file) => readFileSync(path.join(root, file), 'utf8'))
      .join('\n');
    const own = new Set(['F305', 'F399']);
    expect(Object.keys(FAILURES).filter((code) => !own.has(code) && !text.includes(`'${code}'`))).toEqual([]);
  });
});

describe('the process', () => {
  it('ends with the exit codes of the architecture page', () => {
    expect(EXIT).toEqual({
      done: 0,
      failed: 1,
      usage: 2,
      midway: 3,
      rollbackIncomplete: 4,
      declined: 5,
      locked: 6,
      interrupted: 130,
    });
  });

  it('has the version of the package', () => {
    expect(VERSION).toBe(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version);
  });
});
