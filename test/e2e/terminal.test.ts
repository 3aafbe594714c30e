import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { expectPicture, expectTranscripts, shownScenario } from '../support/pages.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { KEYS } from '../support/terminal.ts';

/** Lists to pick from. */
const PICKS = [{ apiGroups: [''], resources: ['namespaces', 'nodes', 'pods'], verbs: ['list'] }];

async function counter({ lab, namespace, kubectl }: Scenario, name = 'cart-0'): Promise<Counter> {
  await kubectl.apply('east', [pod({ namespace, name, image: imageOf(lab, 'static'), node: 'east-2', port: 8080 })]);
  await kubectl.ready('east', namespace, name);
  return ask(kubectl, 'east', namespace, name);
}

describe('in a terminal', () => {
  it('somebody picks, sees the plan, says yes, watches, and is told a fact', () =>
    shownScenario({ name: 'terminal', also: PICKS }, async (scene) => {
      const { namespace, kubectl } = scene;
      const before = await counter(scene);
      const agent = { namespace, name: 'agent', image: imageOf(scene.lab, 'static'), node: 'east-2' };
      await kubectl.apply('east', [pod({ ...agent, spec: { hostNetwork: true } })]);
      const at = scene.terminal([], { columns: 110, rows: 60 });
      await at.shows(/\? Source context[\s\S]*west +✓ reachable · helper engine allowed · 2 nodes/, 60_000);
      at.type(`east${KEYS.enter}`);
      await at.shows(/\? Namespace[\s\S]*default/, 60_000);
      at.type(namespace);
      await at.shows(new RegExp(`› ${namespace}`), 60_000);
      at.type(KEYS.enter);
      const pods = await at.shows(/\? Pod ›[\s\S]*› cart-0 /, 60_000);
      expect(pods).toMatch(/cart-0 +no owner +1 container +\d+\w+ +✓/);
      expectPicture('picker.svg', at, namespace);
      at.type(`cart-0${KEYS.enter}`);
      await at.shows(/\? Target context[\s\S]*› west/, 60_000);
      at.type(KEYS.enter);
      await at.shows(new RegExp(`Target namespace[\\s\\S]*› ${namespace}`), 60_000);
      at.type(KEYS.enter);
      await at.shows(/Target node[\s\S]*west-1 +✓[\s\S]*west-2 +✓/, 60_000);
      at.type(`west-2${KEYS.enter}`);
      const plan = await at.shows(/Move \S+\/cart-0 now\?/, 60_000);
      expect(plan).toContain(`kubectl migrate pod cart-0 --context east --namespace ${namespace} --to-context west`);
      expect(plan).toMatch(/Plan m-\w+[\s\S]*Forecast: [\d.]+ s down, [\d.]+ s in all/);
      expectPicture('plan.svg', at, namespace);
      at.type(`y${KEYS.enter}`);
      await at.shows(/› prepare +start helper pods [\d.]+ s/, 60_000);
      const end = await at.shows(/cart-0 serves from west\/west-2\. Down [\d.]+ s \(forecast [\d.]+ s\)\./, 120_000);
      expect(await at.exit()).toBe(0);
      for (const phase of ['prepare', 'freeze', 'transfer', 'restore', 'verify', 'commit', 'switch', 'finalize']) {
        expect(end.match(new RegExp(`^✓ ${phase} `, 'gm')), phase).toHaveLength(1);
      }
      expectPicture('live.svg', at, namespace);
      expectSameProcess(before, await ask<Counter>(kubectl, 'west', namespace, 'cart-0'));
    }));
});

describe('the page for beginners', () => {
  it('shows what is typed and what comes', () =>
    shownScenario({ name: 'page', rights: ['east to west', 'east to west by kubelet'], also: PICKS }, async (scene) => {
      const { lab, namespace, kubectl } = scene;
      await kubectl.apply('east', [
        pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
        service(namespace, 'redis', 6379),
      ]);
      await kubectl.ready('east', namespace, 'redis');
      await expectTranscripts('getting-started.md', scene);
    }));
});

describe('a change window', () => {
  it('a plan is saved, checked by the servers, carried out later, and not a second time', () =>
    scenario('window', async (scene) => {
      const { namespace, kubectl, migrate } = scene;
      const before = await counter(scene, 'c');
      const from = ['--context', 'east', '--to-context', 'west'];
      const rehearsed = await migrate(['plan', 'pod', 'c', ...from, '--dry-run=server']);
      expect(rehearsed.code).toBe(0);
      expect(rehearsed.stdout).toMatch(/Checked by the API servers: \d+ accepted, 0 refused, \d+ not checkable/);
      const saved = await migrate(['plan', 'pod', 'c', ...from, '-o', 'yaml']);
      expect(saved.code).toBe(0);
      const file = path.join(temporaryFolder(), 'window.yaml');
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
    }));
});
