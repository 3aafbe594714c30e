import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { KEYS } from '../support/terminal.ts';

async function counter({ lab, namespace, kubectl }: Scenario): Promise<Counter> {
  await kubectl.apply('east', [
    pod({ namespace, name: 'c', image: imageOf(lab, 'static'), node: 'east-2', port: 8080 }),
  ]);
  await kubectl.ready('east', namespace, 'c');
  return ask(kubectl, 'east', namespace, 'c');
}

describe('in a terminal', () => {
  it('somebody picks, sees the plan, says yes, watches, and is told a fact', () =>
    scenario('terminal', async (scene) => {
      const { namespace, kubectl } = scene;
      const before = await counter(scene);
      const at = scene.terminal([]);
      await at.shows(/\? Source context[\s\S]*west +✓ reachable · helper engine allowed · 2 nodes/, 60_000);
      at.type(`east${KEYS.enter}`);
      await at.shows(/\? Namespace[\s\S]*default/, 60_000);
      at.type(namespace);
      await at.shows(new RegExp(`› ${namespace}`), 60_000);
      at.type(KEYS.enter);
      const pods = await at.shows(/\? Pod ›[\s\S]*› c /, 60_000);
      expect(pods).toMatch(/c +no owner +1 container +\d+\w+ +✓/);
      at.type(KEYS.enter);
      await at.shows(/\? Target context[\s\S]*› west/, 60_000);
      at.type(KEYS.enter);
      await at.shows(new RegExp(`Target namespace[\\s\\S]*› ${namespace}`), 60_000);
      at.type(KEYS.enter);
      await at.shows(/Target node[\s\S]*west-2 +✓/, 60_000);
      at.type(KEYS.enter);
      const plan = await at.shows(/Move \S+\/c now\?/, 60_000);
      expect(plan).toContain(`kubectl migrate pod c --context east --namespace ${namespace} --to-context west`);
      expect(plan).toMatch(/Plan m-\w+[\s\S]*Forecast: [\d.]+ s down, [\d.]+ s in all/);
      at.type(`y${KEYS.enter}`);
      await at.shows(/› prepare +start helper pods [\d.]+ s/, 60_000);
      const end = await at.shows(/c serves from west\/west-[12]\. Down [\d.]+ s \(forecast [\d.]+ s\)\./, 120_000);
      expect(await at.exit()).toBe(0);
      for (const phase of ['prepare', 'freeze', 'transfer', 'restore', 'verify', 'commit', 'switch', 'finalize']) {
        expect(end.match(new RegExp(`^✓ ${phase} `, 'gm')), phase).toHaveLength(1);
      }
      expectSameProcess(before, await ask<Counter>(kubectl, 'west', namespace, 'c'));
    }));
});

describe('a change window', () => {
  it('a plan is saved, checked by the servers, carried out later, and not a second time', () =>
    scenario('window', async (scene) => {
      const { namespace, kubectl, migrate } = scene;
      const before = await counter(scene);
      const folder = mkdtempSync(path.join(tmpdir(), 'kubectl-migrate-window-'));
      try {
        const from = ['--context', 'east', '--to-context', 'west'];
        const rehearsed = await migrate(['plan', 'pod', 'c', ...from, '--dry-run=server']);
        expect(rehearsed.code).toBe(0);
        expect(rehearsed.stdout).toMatch(/Checked by the API servers: \d+ accepted, 0 refused, \d+ not checkable/);
        const saved = await migrate(['plan', 'pod', 'c', ...from, '-o', 'yaml']);
        expect(saved.code).toBe(0);
        const file = path.join(folder, 'window.yaml');
        writeFileSync(file, saved.stdout);
        // Which namespace is part of the plan.
        const apply = ['apply', '-f', file, '--yes', '-o', 'json'];
        const moved = await migrate(apply, { bare: true });
        expect(moved.code).toBe(0);
        expect(JSON.parse(moved.stdout)).toMatchObject({ plan: { source: { pod: 'c' } } });
        expectSameProcess(before, await ask<Counter>(kubectl, 'west', namespace, 'c'));
        const again = await migrate(apply, { bare: true });
        expect(again.code).toBe(6);
        expect(JSON.parse(again.stdout).error).toMatchObject({
          code: 'F362',
          detail: expect.stringMatching(/source pod \S+\/c: metadata\.uid was \S+, is gone/),
        });
        const history = await migrate(['history', '--context', 'east', '-o', 'json']);
        expect(JSON.parse(history.stdout).moves).toMatchObject([{ pod: 'c', state: 'done' }]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }));
});
