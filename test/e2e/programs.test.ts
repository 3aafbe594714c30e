import { describe, expect, it } from 'vitest';
import { holds, ofPod, program, shows } from '../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../support/counter.ts';
import { imageOf, type PodOptions, pod, WITHOUT_IO_URING } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

const RESTRICTED = {
  container: {
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1234,
      runAsGroup: 1234,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
  },
};

type Variant = Partial<Pick<PodOptions, 'container' | 'spec'>>;

/** A counter that counts on in the other cluster, from the same process. */
async function moveCounter(scene: Scenario, image: string, variant: Variant = {}): Promise<void> {
  const { lab, namespace, kubectl, migrate } = scene;
  await kubectl.apply('east', [
    pod({ namespace, name: 'c', image: imageOf(lab, image), node: 'east-2', port: 8080, ...variant }),
  ]);
  await kubectl.ready('east', namespace, 'c');
  for (let i = 0; i < 4; i++) await ask(kubectl, 'east', namespace, 'c');
  const before = await ask(kubectl, 'east', namespace, 'c');
  const ended = await migrate(['pod/c', '--context', 'east', '--to-context', 'west', '--yes']);
  expect(ended.code).toBe(0);
  expect(ended.stdout).toMatch(
    /^c serves from west\/west-[12]\. Down \d+\.\d+ s \(forecast \d+\.\d+ s\)\. Next: kubectl migrate cleanup m-\w+\n$/,
  );
  expectSameProcess(before, await ask<Counter>(kubectl, 'west', namespace, 'c'));
}

describe('programs whose memory goes on in the other cluster', () => {
  it('Node.js, counter and performance.now()', shows(program('Node.js')), () =>
    scenario('node', (scene) => moveCounter(scene, 'node-counter', WITHOUT_IO_URING)),
  );

  it('Python with threads', shows(program('Python')), () =>
    scenario('python', (scene) => moveCounter(scene, 'python')),
  );

  it(
    'Python, non-root, read-only root, no capabilities, seccomp, limits',
    shows(ofPod('non-root, read-only root file system, no capabilities, seccomp RuntimeDefault, limits')),
    () => scenario('python-restricted', (scene) => moveCounter(scene, 'python', RESTRICTED)),
  );

  it('a Go server with its MPTCP listener', shows(program('Go (MPTCP listener)')), () =>
    scenario('go', (scene) => moveCounter(scene, 'go-server')),
  );

  it(
    'one static program in an image with nothing else, read-only root',
    shows(program('one static program in an image with nothing else')),
    () =>
      scenario('static', (scene) =>
        moveCounter(scene, 'static', { container: { securityContext: { readOnlyRootFilesystem: true } } }),
      ),
  );
});

describe('what a process holds', () => {
  it('a loopback connection between two processes survives', shows(holds('connections inside the pod')), () =>
    scenario('loopback', async ({ lab, namespace, kubectl, migrate }) => {
      await kubectl.apply('east', [
        pod({ namespace, name: 'pair', image: imageOf(lab, 'loopback-pair'), node: 'east-2', port: 8080 }),
      ]);
      await kubectl.ready('east', namespace, 'pair');
      const before = await ask<{ received: number; broken: string }>(kubectl, 'east', namespace, 'pair');
      expect(before.broken).toBe('');
      const ended = await migrate(['pod', 'pair', '--context', 'east', '--to-context', 'west', '--yes']);
      expect(ended.code).toBe(0);
      const soon = await ask<{ echoed: number; broken: string }>(kubectl, 'west', namespace, 'pair');
      const later = await ask<{ echoed: number; broken: string }>(kubectl, 'west', namespace, 'pair');
      expect(later.broken).toBe('');
      expect(soon.echoed).toBeGreaterThanOrEqual(before.received - 1);
      expect(later.echoed).toBeGreaterThan(soon.echoed);
    }),
  );

  it(
    'changed files, deleted files and emptyDir volumes come along',
    shows(ofPod('changed and deleted files'), ofPod('emptyDir on disk'), ofPod('emptyDir in memory')),
    () =>
      scenario('files', async ({ lab, namespace, kubectl, migrate }) => {
        const volumes = [
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
        ];
        const volumeMounts = [
          { name: 'disk', mountPath: '/disk' },
          { name: 'memory', mountPath: '/memory' },
        ];
        await kubectl.apply('east', [
          pod({
            namespace,
            name: 'f',
            image: imageOf(lab, 'redis'),
            node: 'east-2',
            port: 6379,
            container: { volumeMounts },
            spec: { volumes },
          }),
        ]);
        await kubectl.ready('east', namespace, 'f');
        const inside = (context: 'east' | 'west', script: string) =>
          kubectl.run(context, ['-n', namespace, 'exec', 'f', '--', 'sh', '-c', script]);
        await inside('east', 'echo one >/data/a; mkdir -p /etc/x/y; echo two >/etc/x/y/b; chmod 640 /etc/x/y/b');
        await inside('east', 'ln -s /data/a /data/link; echo three >/disk/c; echo four >/memory/d; rm -f /etc/passwd');
        // Overlay marks such a folder as opaque: it hides what the image has at its place.
        await inside('east', 'cd /usr/share && rm -r redis && mkdir redis && echo five >redis/e');
        const ended = await migrate(['pod', 'f', '--context', 'east', '--to-context', 'west', '--yes']);
        expect(ended.code).toBe(0);
        const read = 'for f in /data/a /etc/x/y/b /data/link /disk/c /memory/d; do read line <$f; echo $line; done';
        expect(await inside('west', read)).toBe('one\ntwo\none\nthree\nfour\n');
        expect((await inside('west', 'test -e /etc/passwd && echo there || echo gone')).trim()).toBe('gone');
        expect(await inside('west', 'cd /usr/share/redis && echo * && read line <e; echo $line')).toBe('e\nfive\n');
        const left = await inside('west', 'echo /.kubectl-migrate/*');
        const files = ['addresses', 'placeholder', 'restored'].map((name) => `/.kubectl-migrate/${name}`);
        expect(left.trim().split(' ')).toEqual(files);
      }),
  );
});
