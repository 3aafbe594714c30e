import { expect, it } from 'vitest';
import { criuCommand } from '../../../src/helper/criu.ts';

it('CRIU takes neither configuration nor plugins of where it runs', () => {
  expect(criuCommand('/home')).toEqual([
    ...['/home/ld.so', '--library-path', '/home/lib', '/home/criu'],
    ...['--no-default-config', '--libdir', '/home/plugins'],
  ]);
});
