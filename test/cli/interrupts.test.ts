import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createInterrupts, SAME_MS, SIGNALS, type Signal } from '../../cmd/interrupts.ts';
import type { AuditEntry } from '../../src/audit/entry.ts';
import { AUDIT_LABEL, SYSTEM_NAMESPACE } from '../../src/domain/names.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import type { Lease } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import type { Fault } from '../fakes/fake-faults.ts';
import { move } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, contents, twoClusters } from '../fixtures/two-clusters.ts';
import { bundledProgram } from '../support/bundled.ts';
import { KEYS, TerminalSession } from '../support/terminal.ts';

describe('signals', () => {
  it.each<[string, [Signal, number][], string[]]>([
    ['the first is an interrupt, whichever it is', [['SIGHUP', 0]], ['end']],
    [
      'a lost terminal is one interrupt, however often it is told of',
      [
        ['SIGHUP', 0],
        ['SIGHUP', 1],
        ['SIGHUP', 60_000],
      ],
      ['end', 'nothing', 'nothing'],
    ],
    [
      'one that was sent twice is one',
      [
        ['SIGTERM', 0],
        ['SIGTERM', SAME_MS - 1],
      ],
      ['end', 'nothing'],
    ],
    [
      'a second one means now',
      [
        ['SIGINT', 0],
        ['SIGINT', SAME_MS],
      ],
      ['end', 'end-now'],
    ],
    [
      'so does a third one after a second that came too soon',
      [
        ['SIGINT', 0],
        ['SIGINT', 200],
        ['SIGINT', 600],
      ],
      ['end', 'nothing', 'end-now'],
    ],
    [
      'somebody may insist after the terminal was lost',
      [
        ['SIGHUP', 0],
        ['SIGTERM', 5000],
      ],
      ['end', 'end-now'],
    ],
  ])('%s', (_name, sent, expected) => {
    let now = 1000;
    const asks = createInterrupts(() => now);
    const asked = sent.map(([signal, at]) => {
      now = 1000 + at;
      return asks(signal);
    });
    expect(asked).toEqual(expected);
  });
});

const BOTH = ['--context', 'east', '--to-context', 'west'];
const MOVE = ['pod', 'cart-0', ...BOTH, '--yes'];

let clusters: Clusters;
let served: Served;
let program = '';

beforeAll(async () => {
  program = await bundledProgram();
});

beforeEach(async () => {
  clusters = twoClusters();
  served = await serveClusters(clusters);
});

afterEach(() => served.close());

/** The next such request to the source has this fault; yields when it is made. */
function meet(when: (request: ApiRequest) => boolean, fault: Fault): Promise<void> {
  return new Promise((resolve) => {
    const met = (request: ApiRequest): boolean => {
      if (when(request)) resolve();
      return when(request);
    };
    clusters.east.faults.add({ when: met, fault });
  });
}

const makesHelper = ({ method, path: to }: ApiRequest) => method === 'POST' && to.endsWith('/kubectl-migrate/pods');
const isUndone = ({ method, path: to }: ApiRequest) => method === 'DELETE' && to.includes('/leases/');

/** Whether the helper pod that was being made at an interrupt has been made. */
function helperMade(): () => boolean {
  let made = false;
  clusters.east.onChange((type, { kind, metadata }) => {
    made ||= type === 'ADDED' && kind === 'Pod' && metadata.namespace === SYSTEM_NAMESPACE;
  });
  return () => made;
}

/** What is there when the whole move has been led back. */
const all = () => ({ east: contents(clusters.east), west: contents(clusters.west) });
const locks = () => clusters.east.all(RESOURCES.lease).length;

/** A terminal with a shell, and a command line of the program typed into it. */
async function shellWith(argv: readonly string[], env = {}): Promise<TerminalSession> {
  const shell = new TerminalSession(['--norc', '--noprofile', '-i'], {
    program: ['bash'],
    env: { ...served.env, ...env },
  });
  await shell.shows(/[$#] ?$/);
  shell.type(`${[process.execPath, program, ...argv].join(' ')}${KEYS.enter}`);
  return shell;
}

/** What the audit record of the source says. */
function audited(): AuditEntry[] {
  const kept = clusters.east.all(RESOURCES.configMap).filter(({ metadata }) => metadata.labels?.[AUDIT_LABEL]);
  return kept
    .flatMap(({ data }) => Object.values((data ?? {}) as Record<string, string>))
    .map((text) => JSON.parse(text).entry);
}

/** A move in a process of its own. */
function start(): { readonly child: ChildProcess; ended(): Promise<{ code: unknown; stderr: string }> } {
  const child = spawn(process.execPath, [program, ...MOVE], {
    env: { ...process.env, ...served.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const closed = once(child, 'close');
  return { child, ended: async () => ({ code: (await closed)[0], stderr }) };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a move whose terminal is lost', () => {
  it('with the shell that it was started from is led back all the way, although there is nothing to write to', async () => {
    const [before, made] = [all(), helperMade()];
    const reached = meet(makesHelper, { kind: 'slow', ms: 2000 });
    const shell = await shellWith(MOVE);
    await reached;
    expect(locks()).toBe(1);
    shell.lose();
    await expect.poll(locks).toBe(0);
    expect(made()).toBe(true);
    await expect.poll(all).toEqual(before);
  });

  it.each(['xterm-256color', 'dumb'])('while it asks (%s) is let go in good order, with no answer', async (TERM) => {
    const { state } = await move(clusters, { request: { hold: 1_800_000 } });
    expect(state).toBe('held');
    const before = all();
    const shell = await shellWith(['rollback', 'm-test', ...BOTH], { TERM });
    await shell.shows(/Type accept-loss if that may be so:/);
    const holders = () => clusters.east.all(RESOURCES.lease).map((lease) => (lease as Lease).spec?.holderIdentity);
    expect(holders()).toEqual([expect.stringMatching(/./)]);
    shell.lose();
    await expect.poll(holders).toEqual([undefined]);
    await expect.poll(audited).toMatchObject([
      { action: 'rollback', event: 'begun' },
      { action: 'rollback', event: 'ended', outcome: 'interrupted' },
    ]);
    expect(all().east.map(({ kind }) => kind)).toEqual(before.east.map(({ kind }) => kind));
  });
});

describe('a move in a process', () => {
  it('that is told to end by every signal at once is led back all the way', async () => {
    const [before, made] = [all(), helperMade()];
    const reached = meet(makesHelper, { kind: 'slow', ms: 2000 });
    const { child, ended } = start();
    await reached;
    // One of each: of two that are alike the kernel may make one, and which of these it passes on first is its affair.
    for (const signal of SIGNALS) child.kill(signal);
    expect(await ended()).toEqual({ code: 130, stderr: expect.stringMatching(/error F306[\s\S]*SIG\w+ received/) });
    expect(made()).toBe(true);
    expect(all()).toEqual(before);
  });

  it('ends at once when somebody insists, and says where both clusters stand', async () => {
    const reached = meet(makesHelper, { kind: 'slow', ms: 2000 });
    const undoing = meet(isUndone, { kind: 'slow', ms: 30_000 });
    const { child, ended } = start();
    await reached;
    child.kill('SIGINT');
    // By then it has heard of the first.
    await undoing;
    await pause(SAME_MS);
    child.kill('SIGINT');
    const { code, stderr } = await ended();
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped at once; .*Next: kubectl migrate resume m-\w+/);
    expect(locks()).toBe(1);
  });
});
