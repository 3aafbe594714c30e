import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { forge, forgeCore, labDescriptor } from '../support/criu-images.ts';
import { imagesFolder } from '../support/images-folder.ts';
import type { Ended, Kubectl } from '../support/kubectl.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { inPieces, whenSaid } from '../support/said.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

/** So much memory that carrying it over leaves time to forge a small image that is there already. */
const SET = 'head -c 80000000 /dev/urandom | redis-cli -x set filling > /dev/null';
/** All of it is another at every moment, so that nothing that was copied ahead is still right in the freeze. */
const KEEP_SETTING = `while [ -z "$(redis-cli get over)" ]; do ${SET}; done`;

async function redis(kubectl: Kubectl, context: 'east' | 'west', namespace: string, words: readonly string[]) {
  return (await kubectl.run(context, ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', ...words])).trim();
}

/** As the moved process sees them: a command of `exec` sees those of the container that it runs in. */
const MOUNTS_OF_REDIS =
  'for each in /proc/[0-9]*; do case "$(cat $each/cmdline)" in redis-server*) cat $each/mounts;; esac; done';

type Forge = (descriptor: string, image: Buffer) => Buffer;

/** Makes the process one with all capabilities and without a filter. */
const unconfined: Forge = (descriptor, image) =>
  forgeCore(descriptor, image, ({ thread_core }) => {
    Object.assign(thread_core.creds, { cap_eff: [0xffffffff, 0xff], cap_prm: [0xffffffff, 0xff] });
    thread_core.seccomp_mode = 0;
  });

/** Shows what the runtime hides of the kernel, and lets it be written to. */
const unmasked: Forge = (descriptor, image) =>
  forge<{ mountpoint: string; flags: number }>(descriptor, 'mnt_entry', image, (mounts) => {
    mounts.splice(0, mounts.length, ...mounts.filter(({ mountpoint }) => mountpoint !== '/proc/timer_list'));
    for (const mount of mounts) if (mount.mountpoint === '/proc/sys') mount.flags &= ~1;
  });

/** Changes an image if the one after it has begun; yields true once it has. */
function forgedIn(folder: string, name: RegExp, change: (image: Buffer) => Buffer): true | undefined {
  const images = existsSync(folder) ? readdirSync(folder).toSorted() : [];
  const found = images.slice(0, -1).find((each) => name.test(each));
  if (found === undefined) return undefined;
  const file = path.join(folder, found);
  writeFileSync(file, change(readFileSync(file)));
  return true;
}

interface Forged {
  readonly scene: Scenario;
  readonly ended: Ended;
}

/** Moves a redis that counts, restricted as a pod can be, with an image that is forged on the way. */
function moveForged(called: string, name: RegExp, change: Forge, check: (forged: Forged) => Promise<void>) {
  return scenario(called, async (scene) => {
    const { lab, namespace, kubectl, migrate } = scene;
    const securityContext = {
      ...{ runAsUser: 1234, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const image = imageOf(lab, 'redis');
    await kubectl.apply('east', [
      pod({ namespace, name: 'redis', image, node: 'east-2', port: 6379, container: { securityContext } }),
    ]);
    await kubectl.ready('east', namespace, 'redis');
    const inRedis = (script: string) =>
      kubectl.try('east', ['-n', namespace, 'exec', 'redis', '--', 'sh', '-c', script]);
    expect(await inRedis(SET)).toMatchObject({ code: 0 });
    expect(await redis(kubectl, 'east', namespace, ['incr', 'count'])).toBe('1');
    const setting = inRedis(KEEP_SETTING);
    const descriptor = await labDescriptor();
    // What carries the images asks for the restore only after somebody has looked at them.
    const forging = whenSaid('freeze the source and take its image', async ({ child, id }) => {
      const folder = await imagesFolder(scene, id, 'west-1');
      return inPieces(child, () => forgedIn(folder, name, (whole) => change(descriptor, whole)));
    });
    const ended = await migrate(
      ['pod/redis', '--context', 'east', '--to-context', 'west', '--to-node', 'west-1', '--yes'],
      forging.options,
    );
    expect(await forging.done()).toBe(true);
    await check({ scene, ended });
    await setting;
  });
}

it('an image that asks for more than the pod allows is not restored, and the source goes on', () =>
  moveForged('forged', /^core-1\.img$/, unconfined, async ({ scene, ended }) => {
    const { kubectl, namespace, leftOf } = scene;
    expect(ended.stderr).toMatch(/asks for more than the target’s pod allows; nothing was restored/);
    expect(ended.stderr).toMatch(/core-1.img: capabilities CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH/);
    expect(ended.code).toBe(1);
    expect(await redis(kubectl, 'east', namespace, ['incr', 'count'])).toBe('2');
    await redis(kubectl, 'east', namespace, ['set', 'over', '1']);
    expect(await leftOf(ended)).toEqual([]);
  }));

it('an image that hides less of the kernel than the target does is restored with what is hidden there', () =>
  moveForged('unmasked', /^mountpoints-\d+\.img$/, unmasked, async ({ scene, ended }) => {
    const { kubectl, namespace } = scene;
    expect(ended).toMatchObject({ code: 0 });
    expect(await redis(kubectl, 'west', namespace, ['incr', 'count'])).toBe('2');
    const mounts = await kubectl.run('west', ['-n', namespace, 'exec', 'redis', '--', 'sh', '-c', MOUNTS_OF_REDIS]);
    expect(mounts).toMatch(/^\S+ \/proc\/timer_list /m);
    expect(mounts).toMatch(/^proc \/proc\/sys proc ro,/m);
  }));

/** Files by which CRIU would run what the container has, as root of the node. */
const OWN_FILES = `
mkdir -p /etc/criu /usr/lib/criu
echo 'action-script "/act"' > /etc/criu/default.conf
printf '#!/usr/bin/sh\\n: > /acted\\n' > /act
busybox chmod +x /act
echo 'no library' > /usr/lib/criu/plugin.so
`;

it('what a container has as configuration and plugins of CRIU has no part in its move', () =>
  scenario('own-criu', async ({ lab, namespace, kubectl, migrate }) => {
    await kubectl.apply('east', [
      pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
    ]);
    await kubectl.ready('east', namespace, 'redis');
    const inRedis = (context: 'east' | 'west', script: string) =>
      kubectl.try(context, ['-n', namespace, 'exec', 'redis', '--', 'sh', '-c', script]);
    expect(await inRedis('east', OWN_FILES)).toMatchObject({ code: 0 });
    expect(await redis(kubectl, 'east', namespace, ['incr', 'count'])).toBe('1');
    const between = ['--context', 'east', '--to-context', 'west', '--to-node', 'west-1'];
    const ended = await migrate(['pod/redis', ...between, '--yes']);
    expect(ended).toMatchObject({ code: 0 });
    expect(await redis(kubectl, 'west', namespace, ['incr', 'count'])).toBe('2');
    expect(await inRedis('west', 'test -e /etc/criu/default.conf && test ! -e /acted')).toMatchObject({ code: 0 });
  }));
