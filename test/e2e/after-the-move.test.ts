import { expect, it } from 'vitest';
import { ask, type Counter } from '../support/counter.ts';
import { imageOf, pod, WITHOUT_IO_URING } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';

it('logs, exec and a cold start work in the target as in any pod', () =>
  scenario('after', async ({ lab, namespace, kubectl, migrate }) => {
    await kubectl.apply('east', [
      pod({
        namespace,
        name: 'c',
        image: imageOf(lab, 'node-counter'),
        node: 'east-2',
        port: 8080,
        container: {
          ...WITHOUT_IO_URING.container,
          startupProbe: { httpGet: { path: '/', port: 'main' }, periodSeconds: 1, failureThreshold: 30 },
          livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 },
        },
      }),
    ]);
    await kubectl.ready('east', namespace, 'c');
    const before = await ask(kubectl, 'east', namespace, 'c');
    const ended = await migrate(['pod', 'c', '--context', 'east', '--to-context', 'west', '--yes']);
    expect(ended.code).toBe(0);

    const environment = await kubectl.run('west', [
      '-n',
      namespace,
      'exec',
      'c',
      '--',
      'node',
      '-p',
      'process.version',
    ]);
    expect(environment).toMatch(/^v\d+/);
    const moved = await ask<Counter>(kubectl, 'west', namespace, 'c');
    expect(moved.startedAt).toBe(before.startedAt);

    // SIGTERM to the container's first process reaches the restored root, which ends by it.
    await kubectl.run('west', ['-n', namespace, 'exec', 'c', '--', 'node', '-e', 'process.kill(1, "SIGTERM")']);
    const restarted = async () => {
      const { status } = await kubectl.json<{ status: { containerStatuses: Status[] } }>('west', [
        '-n',
        namespace,
        'pod',
        'c',
      ]);
      return status.containerStatuses[0];
    };
    await expect.poll(async () => (await restarted())?.restartCount, { timeout: 30_000 }).toBe(1);
    expect((await restarted())?.lastState?.terminated?.exitCode).toBe(143);
    await kubectl.ready('west', namespace, 'c');
    const cold = await ask<Counter>(kubectl, 'west', namespace, 'c');
    expect(cold.startedAt).not.toBe(before.startedAt);
    expect(cold.count).toBeLessThan(10);
    const logs = await kubectl.run('west', ['-n', namespace, 'logs', 'c']);
    expect(logs).toContain(`listening since ${cold.startedAt}`);
  }));

interface Status {
  restartCount: number;
  lastState?: { terminated?: { exitCode: number } };
}
