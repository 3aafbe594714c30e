import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { capabilitySet } from '../../src/helper/capabilities.ts';
import { HelperFailure } from '../../src/helper/failure.ts';
import { outline } from '../../src/helper/files/outline.ts';
import type { Granted } from '../../src/helper/trust/credentials.ts';
import { CriuImages } from '../../src/helper/trust/criu-image.ts';
import { withoutCapabilities, withPrivateMounts } from '../../src/helper/trust/fit.ts';
import { coreExcesses, mountExcesses, type Named, rehearseGuard } from '../../src/helper/trust/guard.ts';
import { filesImage, forgeCore, labDescriptor } from '../support/criu-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Images of a restricted Python program (user 1000, no capabilities, seccomp RuntimeDefault), dumped on a lab's node.
const fixture = (name: string): Named => ({
  name,
  data: readFileSync(path.join(import.meta.dirname, '../fixtures/criu-images', name)),
});
const restricted: Granted = {
  bounding: 0n,
  uids: [1000],
  gids: [1000, 2000],
  noNewPrivileges: true,
  seccompFilters: 1,
  profile: '',
};

describe('images of CRIU, read by its own definitions', () => {
  let descriptor: string;
  let images: CriuImages;
  beforeAll(async () => {
    descriptor = await labDescriptor();
    images = new CriuImages(descriptor);
  });

  const asked = (cores: readonly Named[]) => coreExcesses(images, cores, fixture('seccomp.img'), restricted);

  it('of a restricted program ask for nothing more', () => {
    expect(asked([fixture('core-1.img'), fixture('core-6.img')])).toEqual([]);
  });

  it('can be read before there are any', () => {
    rehearseGuard(images, process.pid);
  });

  it('bring no mounts but those of the pod', () => {
    // This dump left /dev/shm to CRIU; all the others came from outside.
    expect(mountExcesses(images, fixture('mountpoints-14.img'))).toEqual([
      'mountpoints-14.img: a mount of its own at /dev/shm',
    ]);
  });

  it('that were made to ask for more are seen through', () => {
    const { name, data } = fixture('core-1.img');
    const forged = forgeCore(descriptor, data, ({ thread_core }) => {
      Object.assign(thread_core.creds, { cap_eff: [0xffffffff, 0xff], euid: 0, no_new_privs: 0 });
      thread_core.seccomp_mode = 0;
    });
    expect(asked([{ name, data: forged }, fixture('core-6.img')])).toEqual([
      expect.stringMatching(/^core-1.img: capabilities CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH/),
      'core-1.img: user 0',
      'core-1.img: new privileges (no_new_privs is not set)',
      'core-1.img: system calls without a seccomp filter',
      // Its filter was the leader's.
      'core-6.img: system calls without a seccomp filter',
    ]);
  });

  it('of a runtime that gives more can do with what another one gives', () => {
    const { name, data } = fixture('core-1.img');
    const ofContainerd = forgeCore(descriptor, data, ({ thread_core }) => {
      const all = [Number(capabilitySet(['CHOWN', 'NET_RAW', 'SETFCAP'])), 0];
      Object.assign(thread_core.creds, { cap_eff: all, cap_prm: all, cap_bnd: all });
    });
    const granted = { ...restricted, bounding: capabilitySet(['CHOWN']) };
    const image = { name, data: ofContainerd };
    const seccomp = fixture('seccomp.img');
    expect(coreExcesses(images, [image], seccomp, granted)).toEqual(['core-1.img: capabilities NET_RAW, SETFCAP']);
    const some = withoutCapabilities(images, image, capabilitySet(['NET_RAW']));
    expect(coreExcesses(images, [{ name, data: some }], seccomp, granted)).toEqual([
      'core-1.img: capabilities SETFCAP',
    ]);
    const less = withoutCapabilities(images, image, capabilitySet(['NET_RAW', 'SETFCAP']));
    expect(coreExcesses(images, [{ name, data: less }], seccomp, granted)).toEqual([]);
    expect(withoutCapabilities(images, { name, data: less }, capabilitySet(['NET_RAW']))).toBe(less);
  });

  it('bring mounts of the pod that share nothing with the node, and are else as they were', () => {
    const whole = fixture('mountpoints-14.img');
    const data = withPrivateMounts(images, whole);
    expect(data).not.toBe(whole.data);
    expect(withPrivateMounts(images, { ...whole, data })).toBe(data);
    expect(mountExcesses(images, { ...whole, data })).toEqual(mountExcesses(images, whole));
  });

  it('that have more than the definitions know of are not rewritten', () => {
    const { name, data } = fixture('core-1.img');
    const forged = forgeCore(descriptor, data, ({ thread_core }) => {
      Object.assign(thread_core.creds, { cap_eff: [1 << 13, 0] });
    });
    expect(() => withoutCapabilities(images, { name, data: forged }, capabilitySet(['NET_RAW']))).not.toThrow();
    // Field 127 of type varint, in the only entry.
    const unknown = Buffer.concat([forged, Buffer.from([0xf8, 0x07, 1])]);
    unknown.writeUInt32LE(forged.readUInt32LE(8) + 3, 8);
    expect(() => withoutCapabilities(images, { name, data: unknown }, capabilitySet(['NET_RAW']))).toThrow(
      HelperFailure,
    );
  });

  it('that are damaged are refused as such, and nothing else is thrown', () => {
    const { name, data: whole } = fixture('core-1.img');
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length));
    fc.assert(
      fc.property(damage, ([at, change, length]) => {
        const data = Buffer.from(whole.subarray(0, length));
        if (at < data.length) data[at] = (data[at] ?? 0) ^ change;
        try {
          asked([{ name, data }]);
        } catch (error) {
          expect(error).toBeInstanceOf(HelperFailure);
          expect((error as HelperFailure).code).toBe('not-movable');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('tell which files a restore will look for, and an outline of them is made where a volume is not mounted', () => {
    const home = temporaryFolder();
    const [folder, root] = [path.join(home, 'images'), path.join(home, 'root')];
    for (const each of [folder, path.join(root, 'data'), path.join(root, 'etc')]) mkdirSync(each, { recursive: true });
    const open = (id: number, name: string, mode: number, size?: number) => ({
      type: 'REG',
      id,
      reg: { id, flags: 0, pos: 0, fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 }, name, mode, size },
    });
    const entries = [
      open(1, '/data/db/base/1', 0o100600, 2 ** 33),
      open(2, '/data/db', 0o040700),
      open(3, '/data', 0o042770),
      open(4, '/etc/passwd', 0o100644, 10),
    ];
    writeFileSync(path.join(folder, 'files.img'), filesImage(descriptor, entries));
    outline(images, folder, root, ['/data']);
    const made = statSync(path.join(root, 'data/db/base/1'));
    expect({ size: made.size, blocks: made.blocks, mode: made.mode }).toEqual({
      ...{ size: 2 ** 33, blocks: 0, mode: 0o100600 },
    });
    expect(statSync(path.join(root, 'data/db')).mode).toBe(0o040700);
    expect(statSync(path.join(root, 'data')).mode).toBe(0o042770);
    // What lies elsewhere is there already, or it is not for an outline to make.
    expect(existsSync(path.join(root, 'etc/passwd'))).toBe(false);
  });
});
