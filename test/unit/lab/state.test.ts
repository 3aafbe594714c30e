import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readState, removeState, type State, writeState } from '../../lab/state.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

const state: State = {
  version: 1,
  phase: 'ready',
  boot: 'b',
  checkout: '/somewhere',
  code: 'c',
  variant: { isolated: false, runtimes: { 'west-2': 'crio' } },
  network: true,
  processes: [{ node: 'east-1', program: 'etcd', pid: 1, started: 2 }],
  inits: { 'east-1': { pid: 3, started: 4 } },
  kubectl: '/k',
  nodeRoot: '/r',
  images: { redis: 'registry/redis@sha256:1' },
};

describe('the state file', () => {
  it('says again what was written', () => {
    const file = path.join(folder, 'inner/state.json');
    writeState(state, file);
    expect(readState(file)).toEqual(state);
    removeState(file);
    expect(readState(file)).toBeUndefined();
  });

  it.each(['', '{"version": 1', '{"version": 2}', '[]'])('counts as none when it holds %j', (text) => {
    const file = path.join(folder, 'state.json');
    writeFileSync(file, text);
    expect(readState(file)).toBeUndefined();
  });
});
