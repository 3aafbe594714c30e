import { expect, it } from 'vitest';
import { ask, expectSameProcess } from '../../support/counter.ts';
import { imageOf, pod, service } from '../../support/manifests.ts';
import { scenario } from '../../support/scenario.ts';

// On a lab whose clusters cannot reach each other: only the API servers are reachable, and only from outside.

it('declines to reroute where the target’s address cannot be reached, changes nothing, and moves with --route none', () =>
  scenario('isolated', async ({ lab, namespace, kubectl, migrate, objects, leftOf }) => {
    await kubectl.apply('east', [
      pod({ namespace, name: 'c', image: imageOf(lab, 'python'), port: 8080 }),
      service(namespace, 'c', 8080),
    ]);
    await kubectl.ready('east', namespace, 'c');
    const before = await ask(kubectl, 'east', namespace, 'c');
    const were = await objects();
    const move = ['pod', 'c', '--context', 'east', '--to-context', 'west', '--yes'];
    const declined = await migrate(move);
    expect(declined.code).toBe(5);
    expect(declined.stderr).toContain('E160');
    expect(await objects()).toEqual(were);
    expect(await leftOf(declined)).toEqual([]);

    const ended = await migrate([...move, '--route', 'none']);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('W202');
    expectSameProcess(before, await ask(kubectl, 'west', namespace, 'c'));
  }));
