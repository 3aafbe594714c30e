import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import type { NodeName } from '../lab/index.ts';
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

    // SIGTERM to the container's first process reaches the restored root, which ends by it. The command that sends it may
    // end with its container before it can say how it went.
    await kubectl.try('west', ['-n', namespace, 'exec', 'c', '--', 'node', '-e', 'process.kill(1, "SIGTERM")']);
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

it('logs go on where they were, port-forward leads in, and the memory is accounted to the target pod', () =>
  scenario('streams', async ({ lab, namespace, kubectl, migrate }) => {
    const program = "import time\ni = 0\nwhile True:\n  i += 1\n  print('tick', i, flush=True)\n  time.sleep(0.1)";
    const ticks = { name: 'ticks', image: imageOf(lab, 'python'), command: ['python3', '-u', '-c', program] };
    await kubectl.apply('east', [
      pod({ namespace, name: 't', image: ticks.image, node: 'east-2', container: { command: ticks.command } }),
      pod({ namespace, name: 'w', image: imageOf(lab, 'python'), node: 'east-2', port: 8080 }),
    ]);
    await kubectl.ready('east', namespace, 't');
    await kubectl.ready('east', namespace, 'w');
    const before = await kubectl.run('east', ['-n', namespace, 'logs', 't', '--tail=1']);
    for (const name of ['t', 'w']) {
      expect((await migrate(['pod', name, '--context', 'east', '--to-context', 'west', '--yes'])).code).toBe(0);
    }
    const west = ['--kubeconfig', lab.kubeconfig, '--context', 'west', '-n', namespace];

    const following = await firstOutput(lab.kubectl, [...west, 'logs', '-f', 't'], /tick \d+\ntick \d+\n/);
    expect(Number(/tick (\d+)/.exec(following)?.[1])).toBeGreaterThan(Number(/tick (\d+)/.exec(before)?.[1]));

    const forwarding = spawn(lab.kubectl, [...west, 'port-forward', 'pod/w', ':8080'], { stdio: 'pipe' });
    const said = await outputOf(forwarding, /127\.0\.0\.1:(\d+)/);
    const answer = await fetch(`http://127.0.0.1:${/127\.0\.0\.1:(\d+)/.exec(said)?.[1]}/`);
    expect(await answer.json()).toMatchObject({ pid: 1 });
    forwarding.kill();

    const target = await kubectl.json<Pod>('west', ['-n', namespace, 'pod', 'w']);
    const node = target.spec.nodeName;
    const find = `for p in /proc/[0-9]*; do grep -qs counter.py $p/cmdline && cat $p/cgroup; done`;
    const { stdout } = await lab.exec(node, ['sh', '-c', find]);
    expect(stdout).toMatch(new RegExp(`memory:.*pod${target.metadata.uid}`));
  }));

interface Pod {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly nodeName: NodeName };
}

/** What a program writes until a pattern is seen in it; the program is ended then. */
async function firstOutput(command: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const child = spawn(command, args, { stdio: 'pipe' });
  const text = await outputOf(child, pattern);
  child.kill();
  return text;
}

function outputOf(child: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (pattern.test(text)) resolve(text);
    });
    child.on('close', (code) => reject(new Error(`ended with ${code} after: ${text}`)));
  });
}
