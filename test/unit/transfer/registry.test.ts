import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { MANIFEST } from '../../../src/archive/checkpoint-image.ts';
import { loginFor } from '../../../src/transfer/registry/credentials.ts';
import { parseRepository } from '../../../src/transfer/registry/reference.ts';
import { connectRegistry, type RegistryOptions } from '../../../src/transfer/registry/registry.ts';
import { FakeRegistry, type FakeRegistryOptions } from '../../fakes/fake-registry.ts';
import { digestOf } from '../../fakes/registry-contents.ts';
import { LOCALHOST } from '../../fixtures/localhost-tls.ts';
import { checkpointManifest } from '../../support/checkpoint-image.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LOGIN = { username: 'me', password: 'se:cret' };
const open: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function registry(options: FakeRegistryOptions = {}, client: Partial<RegistryOptions> = {}) {
  const fake = new FakeRegistry(options);
  const host = await fake.listen();
  const connected = connectRegistry({ host, repository: 'team/checkpoints', ca: LOCALHOST.cert, ...client });
  open.push(fake, connected);
  return { fake, host, registry: connected };
}

async function pushOne(to: ReturnType<typeof connectRegistry>, content: Buffer) {
  const layer = await to.upload(Readable.from([content.subarray(0, 3), content.subarray(3)]), content.length);
  return to.putManifest('m-test', await checkpointManifest(to, layer), MANIFEST);
}

describe('an image that is pushed', () => {
  it('is there byte for byte, with the annotations that both runtimes look for', async () => {
    const { fake, registry: to } = await registry();
    const content = Buffer.from('a checkpoint');
    const digest = await pushOne(to, content);
    expect(fake.blobs.get(digestOf(content))).toEqual(content);
    expect(await to.has(digestOf(content))).toBe(true);
    expect(await to.has(digestOf(Buffer.from('another')))).toBe(false);
    const manifest = JSON.parse(fake.manifests.get('m-test')?.toString() ?? '');
    expect(digest).toBe(digestOf(fake.manifests.get('m-test') ?? Buffer.alloc(0)));
    expect(manifest.annotations).toEqual({
      'org.criu.checkpoint.container.name': 'main',
      'io.kubernetes.cri-o.annotations.checkpoint.name': 'main',
    });
  });

  it.each([false, true])('gets in with a login (token flow: %s)', async (tokens) => {
    const { fake, registry: to } = await registry({ login: LOGIN, tokens }, { login: async () => LOGIN });
    await pushOne(to, Buffer.from('a checkpoint'));
    expect(fake.manifests.has('m-test')).toBe(true);
  });
});

describe('a registry that does not do what it should', () => {
  const content = Buffer.alloc(4096, 1);
  const wrong = { ...LOGIN, password: 'wrong' };

  it.each<[string, FakeRegistryOptions, Partial<RegistryOptions>, string, RegExp]>([
    ['nobody has a login for', { login: LOGIN }, {}, 'F382', /docker login localhost/],
    ['does not know the login', { login: LOGIN }, { login: async () => wrong }, 'F382', /docker login/],
    ['gives no token', { login: LOGIN, tokens: true }, { login: async () => wrong }, 'F382', /docker login/],
    ['is read-only', { readOnly: true }, {}, 'F383', /read-only/],
    ['is full', { room: 100 }, {}, 'F384', /make room/],
  ])('%s', async (_name, options, client, code, remedy) => {
    const { registry: to } = await registry(options, client);
    await expect(pushOne(to, content)).rejects.toMatchObject({ code, remedy: expect.stringMatching(remedy) });
  });

  it('has a certificate that nobody vouches for', async () => {
    const { host } = await registry();
    const to = connectRegistry({ host, repository: 'x' });
    open.push(to);
    await expect(to.has('sha256:0')).rejects.toMatchObject({ code: 'F381', remedy: /--registry-ca/ });
  });

  it('is not there', async () => {
    const { fake, host, registry: to } = await registry();
    await fake.close();
    await expect(to.has('sha256:0')).rejects.toMatchObject({ code: 'F380', detail: expect.stringContaining(host) });
  });

  it('never gets a login that is for another', async () => {
    const elsewhere = new FakeRegistry();
    const host = await elsewhere.listen();
    open.push(elsewhere);
    const { fake, registry: to } = await registry({ login: LOGIN, uploadsTo: host }, { login: async () => LOGIN });
    await expect(pushOne(to, content)).rejects.toMatchObject({ code: 'F385' });
    expect(fake.logins.at(-1)).toMatch(/^Basic /);
    expect(elsewhere.logins).toEqual([undefined]);
  });
});

describe('logins', () => {
  function configured(config: unknown): { DOCKER_CONFIG: string; PATH: string } {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
    return { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
  }

  it('come from where docker login keeps them', async () => {
    const auth = Buffer.from('me:se:cret').toString('base64');
    const env = configured({ auths: { 'r.example:5000': { auth } } });
    expect(await loginFor('r.example:5000', env)).toEqual(LOGIN);
    expect(await loginFor('other.example', env)).toBeUndefined();
    expect(await loginFor('r.example', { DOCKER_CONFIG: '/nowhere' })).toBeUndefined();
  });

  it('come from a credential helper', async () => {
    const env = configured({ credHelpers: { 'r.example': 'test' } });
    const helper = path.join(env.DOCKER_CONFIG, 'docker-credential-test');
    writeFileSync(helper, '#!/bin/sh\nread host\necho "{\\"Username\\":\\"me\\",\\"Secret\\":\\"for $host\\"}"\n');
    chmodSync(helper, 0o755);
    expect(await loginFor('r.example', env)).toEqual({ username: 'me', password: 'for r.example' });
  });

  it('that cannot be read are told without what they hold', async () => {
    for (const config of ['{"auths": {"r": {"auth": "c2VjcmV0"}}', { auths: { r: { auth: 'c2VjcmV0' } } }]) {
      const told = await loginFor('r', configured(config)).catch((error: unknown) => error);
      expect(told).toMatchObject({ code: 'F382' });
      expect(JSON.stringify(told)).not.toMatch(/secret|c2VjcmV0/);
    }
    await expect(loginFor('r', configured({ credsStore: 'missing' }))).rejects.toMatchObject({ code: 'F382' });
  });
});

describe('the name of a repository', () => {
  it.each([
    ['registry.example/team/checkpoints', { host: 'registry.example', repository: 'team/checkpoints' }],
    ['10.0.0.1:5000/c', { host: '10.0.0.1:5000', repository: 'c' }],
    ['localhost/c', { host: 'localhost', repository: 'c' }],
  ])('%s', (text, reference) => {
    expect(parseRepository(text)).toEqual(reference);
  });

  it.each([
    'registry.example',
    'team/checkpoints',
    'registry.example/A',
    'registry.example/a:tag',
    'https://r.example/a',
    '',
  ])('is not %j', (text) => expect(parseRepository(text)).toBeUndefined());
});
