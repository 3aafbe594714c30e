import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../src/kube/resources.ts';
import { isWrite } from '../fakes/fake-writes.ts';
import { runningPod } from '../fixtures/objects.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { bundledProgram } from '../support/bundled.ts';
import { KEYS, type TerminalOptions, TerminalSession } from '../support/terminal.ts';

let clusters: Clusters;
let served: Served;
let session: TerminalSession | undefined;
let program = '';

beforeAll(async () => {
  program = await bundledProgram();
});

beforeEach(async () => {
  const metadata = {
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Job', name: 'once', uid: 'u', controller: true }],
  };
  clusters = twoClusters({
    siblings: [runningPod({ name: 'once-x', metadata }), runningPod({ name: 'netty', spec: { hostNetwork: true } })],
  });
  served = await serveClusters(clusters);
});

afterEach(async () => {
  await session?.end();
  session = undefined;
  await served.close();
});

function open(argv: readonly string[], options: Omit<TerminalOptions, 'program'> = {}): TerminalSession {
  session = new TerminalSession(argv, {
    ...options,
    program: [process.execPath, program],
    env: { ...served.env, ...options.env },
  });
  return session;
}

function writes(): string[] {
  return [...clusters.east.calls, ...clusters.west.calls]
    .filter(isWrite)
    .map(({ method, path: to }) => `${method} ${to}`);
}

const CART = ['--context', 'east', '-n', 'shop'];
/** Every question, what leads to it, and what can be seen once it is asked. */
const QUESTIONS: readonly { argv: string[]; picked?: string; asked: RegExp }[] = [
  { argv: [], asked: /\? Source context[\s\S]*east/ },
  { argv: ['--context', 'east'], asked: /\? Namespace[\s\S]*› shop/ },
  { argv: CART, asked: /\? Pod ›[\s\S]*cart-0/ },
  { argv: ['pod', 'cart-0'], asked: /\? Target context[\s\S]*west/ },
  { argv: [...CART, '--to-context', 'west'], picked: 'cart-0', asked: /\? Target namespace[\s\S]*› shop/ },
  { argv: [...CART, '--to-context', 'west', '--to-namespace', 'shop'], picked: 'cart-0', asked: /\? Target node/ },
  { argv: ['pod', 'cart-0', '--to-context', 'west'], asked: /\? Move shop\/cart-0 now\?/ },
];

describe('the pickers', () => {
  it('ask for everything, tell the command line that says the same, and show the plan before they ask', async () => {
    const at = open([]);
    await at.shows(/gone +✗ .*refused/);
    const contexts = await at.shows(/west +✓ reachable · helper engine allowed · 2 nodes/);
    expect(contexts).toMatch(/\? Source context/);
    expect(contexts).toMatch(/› east \(current\)/);
    at.type(KEYS.enter);
    await at.shows(/\? Namespace/);
    await at.shows(/› shop/);
    at.type(KEYS.enter);
    const pods = await at.shows(/\? Pod[\s\S]*3 · type to filter/);
    expect(pods).toMatch(/cart-0 +no owner +1 container +\d+\w+ +✓/);
    expect(pods).toMatch(/netty .*✗ E120 pod netty has hostNetwork/);
    expect(pods).toMatch(/once-x +Job once/);
    at.type('cart');
    await at.shows(/1 of 3/);
    at.type(KEYS.enter);
    await at.shows(/\? Target context › *\n[\s\S]*› west +✓/);
    at.type(KEYS.enter);
    await at.shows(/\? Target namespace[\s\S]*› shop/);
    at.type(KEYS.enter);
    await at.shows(/\? Target node[\s\S]*west-2 +✓/);
    at.type(`west-2${KEYS.enter}`);
    const asked = await at.shows(/Move shop\/cart-0 now\?/);
    expect(asked).toContain(
      'kubectl migrate pod cart-0 --context east --namespace shop --to-context west --to-namespace shop --to-node west-2',
    );
    expect(asked).toMatch(/Plan m-\w+[\s\S]*west-2/);
    at.type(`n${KEYS.enter}`);
    expect(await at.exit()).toBe(5);
    expect(writes()).toEqual([]);
  });

  it('ask only for what no flag gives', async () => {
    const at = open(['pod', 'cart-0', '--to-namespace', 'shop', '--dry-run']);
    await at.shows(/\? Target context/);
    expect(at.screen()).not.toMatch(/Source context|Namespace/);
    await at.shows(/west +✓/);
    at.type(KEYS.enter);
    await at.shows(/\? Target node/);
    at.type(KEYS.enter);
    const code = await at.exit();
    expect({ code, screen: at.screen() }).toMatchObject({ code: 0 });
    expect(at.screen()).toContain('kubectl migrate pod cart-0 --to-namespace shop --dry-run=client --to-context west');
  });

  it('do not let a cluster be picked that does not answer, nor a pod that cannot move, and say why', async () => {
    const at = open(['--to-context', 'west']);
    await at.shows(/gone .*✗/);
    at.type(`gone${KEYS.enter}`);
    await at.shows(/gone: .*refused/);
    at.type(KEYS.backspace.repeat(4));
    at.type(`east${KEYS.enter}`);
    await at.shows(/\? Namespace[\s\S]*› shop/);
    at.type(KEYS.enter);
    await at.shows(/netty/);
    at.type(`netty${KEYS.enter}`);
    await at.shows(/netty: E120 pod netty has hostNetwork/);
  });

  it('leave the terminal as it was by Escape and by Ctrl-C, at whichever question', async () => {
    for (const [index, { argv, picked, asked }] of QUESTIONS.entries()) {
      const at = open(argv);
      if (picked !== undefined) {
        await at.shows(/\? Pod ›[\s\S]*› /);
        at.type(`${picked}${KEYS.enter}`);
      }
      await at.shows(asked);
      at.type(index % 2 === 0 ? KEYS.escape : KEYS.interrupt);
      expect({ asked, code: await at.exit(), cursor: at.cursorShown() }).toEqual({ asked, code: 130, cursor: true });
      expect(at.screen()).toMatch(/^error F306/m);
    }
    expect(writes()).toEqual([]);
  });
});

describe('a terminal', () => {
  it('of 60 columns gets lines that fit, question and answer included', async () => {
    const at = open([], { columns: 60 });
    await at.shows(/gone .*✗/);
    at.type(KEYS.enter);
    await at.shows(/\? Namespace[\s\S]*› shop/);
    at.type(KEYS.enter);
    const screen = await at.shows(/netty[\s\S]*3 · type/);
    expect(screen.split('\n').filter((line) => line.length > 60)).toEqual([]);
    expect(screen).toMatch(/netty.*…/);
  });

  it('without colours gets none', async () => {
    const at = open([], { env: { NO_COLOR: '1' } });
    await at.shows(/gone .*✗/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(at.raw()).not.toMatch(/\u001b\[[\d;]*m/);
  });

  it('without UTF-8 gets ASCII', async () => {
    const at = open(['pod', 'cart-0'], { env: { LANG: 'C', LC_ALL: '' } });
    await at.shows(/west +\+ reachable/);
    expect(at.raw()).toMatch(/^\p{ASCII}*$/u);
  });

  it('whose cursor cannot move gets a numbered list and no control sequences', async () => {
    const at = open(['pod', '--to-context', 'west', '--to-namespace', 'shop', '--to-node', 'west-1'], {
      env: { TERM: 'dumb' },
    });
    await at.shows(/Source context \(number or part of a name\):/);
    at.type(`east${KEYS.enter}`);
    await at.shows(/Namespace \(number/);
    at.type(KEYS.enter);
    await at.shows(/Pod \(number/);
    at.type(`1${KEYS.enter}`);
    await at.shows(/Move shop\/cart-0 now\? \(y\/N\)/);
    at.type(`n${KEYS.enter}`);
    expect(await at.exit()).toBe(5);
    expect(at.raw()).not.toContain('\u001b');
  });
});

describe('5,000 pods', () => {
  it('are painted before all of them are there, and can be filtered while they load', async () => {
    for (let index = 0; index < 5000; index++) {
      clusters.east.seed(RESOURCES.pod, runningPod({ name: `worker-${String(index).padStart(4, '0')}` }));
    }
    // The fake kubelets have seen all of them by then.
    await clusters.readers.source.list(RESOURCES.pod, { namespace: 'shop' });
    const at = open(['--to-context', 'west']);
    await at.shows(/\? Source context[\s\S]*› east \(current\) +✓/);
    at.type(KEYS.enter);
    await at.shows(/\? Namespace[\s\S]*› shop/);
    at.type(KEYS.enter);
    await at.shows(/› cart-0/);
    at.type('worker-0');
    await at.shows(/› worker-0/);
    await at.shows(/1000 of 5003 · type/);
    at.type(`${KEYS.backspace}4321`);
    await at.shows(/› worker-4321[\s\S]*1 of 5003/);
  });
});
