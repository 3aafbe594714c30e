import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageConfig, imageManifest, MANIFEST } from '../../../src/archive/checkpoint-image.ts';
import { parseImage } from '../../../src/transfer/registry/reference.ts';
import { connectRegistry } from '../../../src/transfer/registry/registry.ts';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { digestOf } from '../../fakes/registry-contents.ts';
import { LOCALHOST } from '../../fixtures/localhost-tls.ts';
import { kubectlMigrate } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: string;
let near: FakeRegistry;
let far: FakeRegistry;
let hosts: { near: string; far: string };
const content = Buffer.from('a layer of the helper image');

beforeEach(async () => {
  folder = temporaryFolder();
  writeFileSync(path.join(folder, 'ca.pem'), LOCALHOST.cert);
  near = new FakeRegistry();
  far = new FakeRegistry({ login: { username: 'me', password: 'secret' }, tokens: true });
  hosts = { near: await near.listen(), far: await far.listen() };
  const registry = connectRegistry({ host: hosts.near, repository: 'team/helper', ca: LOCALHOST.cert });
  const layer = await registry.upload(content, content.length);
  const text = imageConfig('amd64', layer);
  const config = await registry.upload(text, text.length);
  await registry.putManifest('1', imageManifest(config, layer), MANIFEST);
  registry.close();
});
afterEach(async () => {
  await Promise.all([near.close(), far.close()]);
});

const ca = () => ['--registry-ca', path.join(folder, 'ca.pem')];
const saved = () => path.join(folder, 'helper');

describe('the helper image', () => {
  it('is carried from one registry to another in a folder that other tools read', async () => {
    const save = await kubectlMigrate([
      'helper',
      'save',
      `${hosts.near}/team/helper:1`,
      saved(),
      '-o',
      'json',
      ...ca(),
    ]);
    expect(save.code).toBe(0);
    const { digest } = JSON.parse(save.stdout);
    expect(digest).toBe(digestOf(near.manifests.get('1') ?? Buffer.alloc(0)));
    expect(JSON.parse(readFileSync(path.join(saved(), 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    writeFileSync(
      path.join(folder, 'config.json'),
      JSON.stringify({ auths: { [hosts.far]: { auth: Buffer.from('me:secret').toString('base64') } } }),
    );
    const words = ['helper', 'push', saved(), `${hosts.far}/inside/helper:1`, ...ca()];
    const push = await kubectlMigrate(words, { DOCKER_CONFIG: folder });
    expect(push).toMatchObject({ code: 0, stdout: `${hosts.far}/inside/helper@${digest}\n` });
    expect(far.blobs.get(digestOf(content))).toEqual(content);
    const before = far.asked.length;
    await kubectlMigrate(words, { DOCKER_CONFIG: folder });
    expect(far.asked.slice(before).filter((line) => line.startsWith('POST'))).toEqual([]);
  });

  it('is not fetched again where it is, and not believed when it is damaged', async () => {
    const words = ['helper', 'save', `${hosts.near}/team/helper:1`, saved(), ...ca()];
    await kubectlMigrate(words);
    const before = near.asked.length;
    await kubectlMigrate(words);
    expect(near.asked.slice(before).filter((line) => line.includes('/blobs/'))).toEqual([]);
    near.blobs.set(digestOf(content), Buffer.from('something else, of another length'));
    rmSync(path.join(saved(), 'blobs'), { recursive: true });
    const damaged = await kubectlMigrate(words);
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(/F342[\s\S]*should be sha256/);
  });

  it('is not pushed when a file of it is cut off', async () => {
    await kubectlMigrate(['helper', 'save', `${hosts.near}/team/helper:1`, saved(), ...ca()]);
    near.blobs.delete(digestOf(content));
    truncateSync(path.join(saved(), 'blobs', ...digestOf(content).split(':')), 5);
    const pushed = await kubectlMigrate(['helper', 'push', saved(), `${hosts.near}/team/helper:1`, ...ca()]);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toMatch(/F342[\s\S]*only 5 came/);
  });

  it.each([
    [['helper', 'save', 'busybox', 'x'], /F301[\s\S]*does not name an image in full/],
    [['helper', 'push', '/nonexistent', 'registry.example/a:1'], /F386[\s\S]*helper save makes one/],
    [['helper', 'save', 'registry.example/a:1', 'x', '--registry-ca', '/nonexistent'], /F381[\s\S]*cannot be read/],
  ])('%j is told what to do', async (argv, words) => {
    const { code, stderr } = await kubectlMigrate(argv);
    expect([1, 2]).toContain(code);
    expect(stderr).toMatch(words);
  });

  it.each([
    ['registry.example/a/b:1.0', { host: 'registry.example', repository: 'a/b', reference: '1.0' }],
    ['registry.example:5000/a:1', { host: 'registry.example:5000', repository: 'a', reference: '1' }],
    [
      `registry.example/a:1@sha256:${'0'.repeat(64)}`,
      { host: 'registry.example', repository: 'a', reference: `sha256:${'0'.repeat(64)}` },
    ],
  ])('%s is understood', (text, expected) => {
    expect(parseImage(text)).toEqual(expected);
  });

  it.each(['a', 'a:1', 'registry.example/a', 'registry.example/A:1', 'registry.example/a:', ''])(
    '%j is not',
    (text) => {
      expect(parseImage(text)).toBeUndefined();
    },
  );
});
