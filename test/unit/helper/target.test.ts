import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readProcess } from '../../../src/helper/processes.ts';
import { stateOf } from '../../../src/helper/target.ts';

/** Two processes that stand for a placeholder and for the root restored beside it. */
let placeholder: ChildProcess;
let root: ChildProcess;

const pidOf = ({ pid = 0 }: ChildProcess) => pid;
const places = () => [
  {
    containerId: 'c'.repeat(64),
    placeholderPid: pidOf(placeholder),
    startTime: readProcess(pidOf(placeholder))?.startTime ?? 0,
    rootPid: pidOf(root),
    volumes: [],
  },
];

async function become(state: string): Promise<void> {
  while (readProcess(pidOf(root))?.state !== state) await setTimeout(2);
}

beforeEach(async () => {
  [placeholder, root] = [0, 1].map(() => spawn('sleep', ['60'], { stdio: 'ignore' })) as [ChildProcess, ChildProcess];
  await become('S');
});

afterEach(async () => {
  for (const each of [placeholder, root]) {
    if (each.exitCode !== null || each.signalCode !== null) continue;
    each.kill('SIGKILL');
    await once(each, 'exit');
  }
});

describe.runIf(process.platform === 'linux')('a target whose record says that it goes on', () => {
  it('is still restored as long as its root is stopped, whoever wrote that and died', async () => {
    root.kill('SIGSTOP');
    await become('T');
    expect(stateOf({ state: 'continued', places: places() })).toBe('restored');
    root.kill('SIGCONT');
    await become('S');
    expect(stateOf({ state: 'continued', places: places() })).toBe('continued');
  });

  it('goes on no more once its root has ended, and was not stopped', async () => {
    const [place] = places();
    root.kill('SIGKILL');
    await once(root, 'exit');
    expect(stateOf({ state: 'continued', places: place ? [place] : [] })).toBe('continued');
  });

  it.each(['prepared', 'restored', 'discarded'] as const)('says what it says otherwise: %s', (state) => {
    expect(stateOf({ state, places: places() })).toBe(state);
  });
});
