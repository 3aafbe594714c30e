import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/domain/errors.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { move } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { bundledProgram } from '../support/bundled.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';
import { KEYS, TerminalSession } from '../support/terminal.ts';

const BOTH = ['--context', 'east', '--to-context', 'west'];

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

function run(...argv: string[]): Promise<Ended> {
  return kubectlMigrate(argv, served.env);
}

/** Moved by another machine, with 30 minutes to go back. */
async function held(): Promise<string> {
  const { state } = await move(clusters, { request: { hold: 1_800_000 } });
  expect(state).toBe('held');
  return 'm-test';
}

const source = () => clusters.east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
const lastLine = ({ stdout }: Ended) => stdout.trimEnd().split('\n').at(-1) ?? '';

describe('a source that is held', () => {
  it('is told of by every command with its last line and in JSON, and what ends the hold', async () => {
    const id = await held();
    const ends = `kubectl migrate finalize ${id}, or back: kubectl migrate rollback ${id}`;
    for (const command of [['status', id], ['status'], ['list', '-A'], ['describe', id], ['resume', id]]) {
      const words = [...command, ...BOTH];
      const { code, ...ended } = await run(...words);
      expect({ command, code, line: lastLine({ code, ...ended }) }).toEqual({
        command,
        code: 0,
        line: expect.stringMatching(/held until|is kept stopped until/),
      });
      expect(lastLine({ code, ...ended })).toContain(`Next: ${ends}`);
      const json = JSON.parse((await run(...words, '-o', 'json')).stdout) as { migrations?: unknown[] };
      expect(json.migrations?.[0] ?? json).toMatchObject({ id, next: ends });
    }
    expect(source()).toBeDefined();
  });

  it('is not lost to the target without the word that says what is lost', async () => {
    const id = await held();
    const refused = await run('rollback', id, ...BOTH);
    expect(refused.code).toBe(EXIT.declined);
    expect(refused.stderr).toMatch(/Everything since then is lost[\s\S]*--accept-loss/);
    expect(source()).toBeDefined();
  });

  it.each(['xterm-256color', 'dumb'])(
    'is had back in a terminal (%s) by typing that word, and by no other',
    async (TERM) => {
      const id = await held();
      const asked = async () => {
        const env = { ...served.env, TERM };
        const at = new TerminalSession(['rollback', id, ...BOTH], { program: [process.execPath, program], env });
        const question = await at.shows(/Type accept-loss if that may be so:/);
        expect(question).toMatch(/Everything since then is lost: what it wrote to memory and files/);
        return at;
      };
      const other = await asked();
      other.type(`accept${KEYS.enter}`);
      expect(await other.exit()).toBe(EXIT.declined);
      expect(other.screen()).toMatch(/error F373/);
      const stands = async () => lastLine(await run('status', id, ...BOTH));
      expect(await stands()).toMatch(/is kept stopped until/);
      // There is no helper to be had behind these fakes: that the way back is begun is enough.
      const right = await asked();
      right.type(`accept-loss${KEYS.enter}`);
      await expect.poll(stands).not.toMatch(/is kept stopped until/);
      await right.end();
    },
  );

  it('goes with finalize, and the record with cleanup', async () => {
    const id = await held();
    expect((await run('cleanup', id, ...BOTH)).code).toBe(EXIT.declined);
    const { code, stdout } = await run('finalize', id, ...BOTH);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `cart-0 serves from west/west-1. Next: kubectl migrate cleanup ${id}\n`,
    });
    expect(source()).toBeUndefined();
    expect(lastLine(await run('cleanup', id, ...BOTH))).toBe(`Removed: ${id}. Next: kubectl migrate list`);
    expect(lastLine(await run('list', '-A', ...BOTH))).toMatch(/Next: kubectl migrate/);
  });
});
