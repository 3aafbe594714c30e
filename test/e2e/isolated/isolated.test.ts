import { expect, it } from 'vitest';
import { ask, expectSameProcess } from '../../support/counter.ts';
import { imageOf, pod, service } from '../../support/manifests.ts';
import { scenario } from '../../support/scenario.ts';

// On a lab whose clusters cannot reach each other: only the API servers are reachable, and only from outside.

it('declines to reroute where the target’s address cannot be reached, and changes nothing', () =>
  scenario('unreachable', async ({ lab, namespace, kubectl, migrate, objects, leftOf }) => {
    await kubectl.apply('east', [
      pod({ namespace, name: 'c', image: imageOf(lab, 'python'), port: 8080 }),
      service(namespace, 'c', 8080),
    ]);
    await kubectl.ready('east', namespace, 'c');
    const before = (await objects()).filter((name) => !name.includes('endpointslice'));
    const ended = await migrate(['pod', 'c', '--context', 'east', '--to-context', 'west', '--yes']);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain('E160');
    expect((await objects()).filter((name) => !name.includes('endpointslice'))).toEqual(before);
    expect(await leftOf(ended)).toEqual([]);
  }));

it('moves with --route none', () =>
  scenario('isolated', async ({ lab, namespace, kubectl, migrate }) => {
    await kubectl.apply('east', [
      pod({ namespace, name: 'c', image: imageOf(lab, 'python'), port: 8080 }),
      service(namespace, 'c', 8080),
    ]);
    await kubectl.ready('east', namespace, 'c');
    const before = await ask(kubectl, 'east', namespace, 'c');
    const words = ['pod', 'c', '--context', 'east', '--to-context', 'west', '--route', 'none', '--yes'];
    const ended = await migrate(words);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('W202');
    expectSameProcess(before, await ask(kubectl, 'west', namespace, 'c'));
  }));
