import { describe, expect, it } from 'vitest';
import { MigrateError, type Outcome } from '../../../src/domain/errors.ts';
import type { Message } from '../../../src/report/message.ts';
import { Progress } from '../../../src/report/progress.ts';
import { situationOf } from '../../../src/report/situation.ts';
import { renderError } from '../../../src/ui/error-view.ts';

type Told = readonly [Message['code'], string, Message['phase']];

function told(...messages: readonly Told[]): Progress {
  const progress = new Progress();
  for (const [code, step, phase] of messages) progress.take({ code, step, text: step, ...(phase && { phase }) }, 0);
  return progress;
}

function ended(outcome: Outcome, code: MigrateError['code'] = 'F340'): MigrateError {
  return new MigrateError(code, { detail: 'it ended', remedy: 'look', outcome });
}

describe('what is the case after a failure', () => {
  it('is nothing to tell before anything began', () => {
    expect(situationOf(ended('failed'), told())).toBeUndefined();
  });

  it('is that the source serves when the way back came to its end', () => {
    const progress = told(
      ['I402', 'helpers', 'prepare'],
      ['I403', 'helpers', 'prepare'],
      ['I402', 'freeze', 'freeze'],
      ['I404', 'freeze', 'freeze'],
      ['I405', 'freeze', 'freeze'],
      ['I405', 'helpers', 'prepare'],
    );
    expect(situationOf(ended('failed'), progress)).toMatchObject({ step: { name: 'freeze' }, serves: 'source' });
  });

  it.each<[string, Told[], string]>([
    [
      'not known while a freeze was not taken back',
      [
        ['I402', 'freeze', 'freeze'],
        ['I404', 'freeze', 'freeze'],
      ],
      'unknown',
    ],
    [
      'the source when it was, whatever else is left',
      [
        ['I402', 'freeze', 'freeze'],
        ['I404', 'freeze', 'freeze'],
        ['I405', 'freeze', 'freeze'],
      ],
      'source',
    ],
    [
      'the source when it never began',
      [
        ['I402', 'helpers', 'prepare'],
        ['I404', 'helpers', 'prepare'],
      ],
      'source',
    ],
  ])('after an incomplete way back is %s', (_name, messages, serves) => {
    expect(situationOf(ended('rollbackIncomplete'), told(...messages))).toMatchObject({ serves });
  });

  it('is that the target has it after the commit, and unknown where the commit’s answer was lost', () => {
    const progress = told(['I402', 'commit', 'commit'], ['I403', 'commit', 'commit'], ['I402', 'switch', 'switch']);
    expect(situationOf(ended('midway'), progress)).toMatchObject({ serves: 'unknown' });
    progress.take({ code: 'I408', text: 'committed', phase: 'commit' }, 0);
    expect(situationOf(ended('midway'), progress)).toMatchObject({ step: { name: 'switch' }, serves: 'target' });
  });

  it('is not known where somebody else has the migration, committed or not', () => {
    const progress = told(['I402', 'commit', 'commit'], ['I404', 'commit', 'commit']);
    const error = new MigrateError('F371', { detail: 'ann', remedy: 'look', outcome: 'midway', takenOver: true });
    const theirs = { serves: 'unknown', text: expect.stringContaining('somebody else') };
    expect(situationOf(error, progress)).toMatchObject(theirs);
    progress.take({ code: 'I408', text: 'committed', phase: 'commit' }, 0);
    expect(situationOf(error, progress)).toMatchObject(theirs);
  });

  it('is that the target holds the only copy where the source changed under the move', () => {
    const progress = told(['I402', 'commit', 'commit'], ['I404', 'commit', 'commit']);
    const text = expect.stringContaining('the target holds the processes');
    expect(situationOf(ended('midway', 'F344'), progress)).toMatchObject({ serves: 'unknown', text });
  });

  it('says what has become of a source that serves no more, although all was led back', () => {
    const progress = told(['I402', 'copy', 'prepare'], ['I404', 'copy', 'prepare']);
    progress.take({ code: 'I410', text: 'led back', data: { change: 'pod shop/cart-0 was removed' } }, 0);
    const text = 'pod shop/cart-0 was removed; what had been prepared was taken away again';
    expect(situationOf(ended('failed'), progress)).toMatchObject({ serves: 'unknown', text });
  });

  it.each([
    ['changed', { change: 'it was removed' }, false, /^it was removed; not everything/],
    ['changed, frozen or not', { change: 'it was removed' }, true, /^it was removed; not everything/],
    ['cannot be looked at', { unknown: 'nobody knows' }, false, /^nobody knows; not everything/],
    ['cannot be looked at and may be frozen', { unknown: 'nobody knows' }, true, /may still be frozen/],
  ])('after an incomplete way back is not known of a source that %s', (_name, data, frozen, text) => {
    const progress = told(['I402', 'freeze', 'freeze'], ['I404', 'freeze', 'freeze']);
    if (!frozen) progress.take({ code: 'I405', step: 'freeze', phase: 'freeze', text: 'freeze' }, 0);
    progress.take({ code: 'W421', text: 'the source', data }, 0);
    progress.take({ code: 'W421', text: 'something else' }, 0);
    expect(situationOf(ended('rollbackIncomplete'), progress)).toMatchObject({
      serves: 'unknown',
      text: expect.stringMatching(text),
    });
  });

  it('stands in the error for people', () => {
    const progress = told(['I402', 'freeze', 'freeze'], ['I404', 'freeze', 'freeze'], ['I405', 'freeze', 'freeze']);
    const error = new MigrateError('F340', { detail: 'CRIU cannot dump', remedy: 'mend it' });
    expect(renderError(error, situationOf(ended('failed'), progress))).toMatchInlineSnapshot(`
      "error F340: the process image could not be taken
        step: freeze: freeze
        why:  CRIU cannot dump
        now:  the source serves as before; what had been prepared was taken away again
        do:   mend it
      "
    `);
  });
});
