import { describe, expect, it } from 'vitest';
import { holds, shows } from '../support/compatibility.ts';
import { ask, type Counter } from '../support/counter.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west', '--yes'];

/** Makes a PID namespace, as sandboxes do, whose first process has nothing to do with the session outside. */
const SANDBOX = `
import ctypes, os, time
if os.fork() == 0:
    ctypes.CDLL(None).unshare(0x20000000)
    if os.fork() == 0:
        os.setsid()
    while True:
        time.sleep(1)
exec(open("/counter.py").read())
`;

describe('what runs in a container beside its program', () => {
  it('is stopped with it: nothing that a command of kubectl exec was told of is lost', () =>
    scenario('beside', async ({ lab, namespace, kubectl, migrate }) => {
      await kubectl.apply('east', [
        pod({
          namespace,
          name: 'p',
          image: imageOf(lab, 'python'),
          port: 8080,
          container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
          spec: { volumes: [{ name: 'data', emptyDir: {} }] },
        }),
      ]);
      await kubectl.ready('east', namespace, 'p');
      const write = 'i=0; while :; do i=$((i+1)); echo $i >> /data/written; echo $i; sleep 0.01; done';
      const session = kubectl.try('east', ['-n', namespace, 'exec', 'p', '--', 'sh', '-c', write]);
      const last = async (context: 'east' | 'west') => {
        const { stdout } = await kubectl.try(context, [
          '-n',
          namespace,
          'exec',
          'p',
          '--',
          'tail',
          '-n',
          '1',
          '/data/written',
        ]);
        return Number(stdout);
      };
      await expect.poll(() => last('east'), { timeout: 20_000 }).toBeGreaterThan(0);

      const failed = await migrate(['pod', 'p', ...BETWEEN, '--max-freeze', '100ms']);
      expect(failed.code).toBe(1);
      const thawed = await last('east');
      await expect.poll(() => last('east'), { timeout: 10_000 }).toBeGreaterThan(thawed);

      expect((await migrate(['pod', 'p', ...BETWEEN])).code).toBe(0);
      const told = (await session).stdout.trimEnd().split('\n');
      expect(Number(told.at(-1))).toBeGreaterThan(thawed);
      expect(await last('west')).toBeGreaterThanOrEqual(Number(told.at(-1)));
    }));

  it(
    'is never taken for it: a sandbox with a PID namespace of its own is found before the freeze',
    shows(holds('PID namespace of its own', { declined: 'E150' })),
    () =>
      scenario('sandbox', async ({ lab, namespace, kubectl, migrate }) => {
        await kubectl.apply('east', [
          pod({
            namespace,
            name: 'p',
            image: imageOf(lab, 'python'),
            port: 8080,
            container: {
              command: ['python3', '-c', SANDBOX],
              securityContext: { capabilities: { add: ['SYS_ADMIN'] } },
            },
          }),
        ]);
        await kubectl.ready('east', namespace, 'p');
        const before = await ask<Counter>(kubectl, 'east', namespace, 'p');
        const refused = await migrate(['pod', 'p', ...BETWEEN, '-o', 'json']);
        expect(refused.code).toBe(5);
        const { error } = JSON.parse(refused.stdout) as { error: { findings: { code: string; what: string }[] } };
        expect(error.findings).toEqual([
          expect.objectContaining({ code: 'E150', what: expect.stringContaining('own-pid-namespace') }),
        ]);
        const after = await ask<Counter>(kubectl, 'east', namespace, 'p');
        expect(after.startedAt).toBe(before.startedAt);
      }),
  );
});
