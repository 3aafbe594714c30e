import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, it } from 'vitest';
import { registryFor } from '../../cmd/registry.ts';
import { asMigrateError } from '../../src/domain/errors.ts';
import { createFileSink, journalFolder } from '../../src/journal/file-sink.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { serveCluster } from '../fakes/http-front.ts';
import { LOCALHOST } from '../fixtures/localhost-tls.ts';
import { move } from '../fixtures/move.ts';
import { runningPod } from '../fixtures/objects.ts';
import { twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west'];

/** What must be nowhere; each is used once, so that where it shows up says how it got there. */
const SEED = {
  plugin: 'token-of-the-plugin',
  chatter: 'what-the-plugin-says',
  broken: 'token-cut-off',
  token: 'token-of-the-kubeconfig',
  address: 'password-in-the-address',
  registry: 'password-of-the-registry',
  variable: 'value-of-a-variable',
  header: 'value-of-a-header',
} as const;

const PROBE = { httpGet: { path: '/', port: 80, httpHeaders: [{ name: 'Authorization', value: SEED.header }] } };
const CONTAINER = {
  env: [{ name: 'PASSWORD', value: SEED.variable }],
  ...{ readinessProbe: PROBE, startupProbe: PROBE },
};

/** Those of the words that a text has, plain or in base64. */
function leaks(text: string, words: readonly string[] = Object.values(SEED)): string[] {
  return words.filter((word) => [word, btoa(word), btoa(`ann:${word}`)].some((form) => text.includes(form)));
}

const script = (text: string) => ({
  command: process.execPath,
  args: ['-e', text],
  apiVersion: 'client.authentication.k8s.io/v1',
});

/** Two clusters that everything which lets somebody in leads to, and a machine that holds it. */
async function world() {
  const clusters = twoClusters({ pod: runningPod({ container: CONTAINER }) });
  const east = await serveCluster(clusters.api.source, LOCALHOST);
  const west = await serveCluster(clusters.api.target, LOCALHOST);
  const folder = temporaryFolder();
  const authority = { 'certificate-authority-data': btoa(LOCALHOST.cert) };
  const status = JSON.stringify({ status: { token: SEED.plugin } });
  const says = `console.error('${SEED.chatter}');`;
  const users = {
    plugin: { exec: script(`${says} console.log('${status}')`) },
    token: { token: SEED.token },
    fails: { exec: script(`${says} console.log('${SEED.broken}'); process.exit(1)`) },
    chatters: { exec: script(`console.log('${SEED.broken}')`) },
    cutOff: { exec: script(`console.log('${status.slice(0, -2)}')`) },
    address: {},
  };
  const inAddress = (url: string) => url.replace('//', `//ann:${SEED.address}@`);
  const kubeconfig = {
    'current-context': 'east',
    clusters: [
      { name: 'east', cluster: { server: inAddress(east.url), ...authority } },
      { name: 'west', cluster: { server: west.url, ...authority } },
    ],
    users: Object.entries(users).map(([name, user]) => ({ name, user })),
    contexts: [
      { name: 'east', context: { cluster: 'east', user: 'plugin', namespace: 'shop' } },
      { name: 'west', context: { cluster: 'west', user: 'token' } },
      ...['fails', 'chatters', 'cutOff', 'address'].map((user) => ({
        name: user,
        context: { cluster: 'east', user, namespace: 'shop' },
      })),
    ],
  };
  writeFileSync(path.join(folder, 'config'), JSON.stringify(kubeconfig));
  const env = {
    KUBECONFIG: path.join(folder, 'config'),
    XDG_STATE_HOME: path.join(folder, 'state'),
    XDG_CONFIG_HOME: path.join(folder, 'configuration'),
    KUBECTL_MIGRATE_HELPER_IMAGE: 'registry.example/helper:1',
    DOCKER_CONFIG: path.join(folder, 'docker'),
  };
  return { clusters, east, west, env, close: () => Promise.all([east.close(), west.close()]) };
}

/** Everything that is kept: records, audit records, locks and withheld values of both clusters, and files of this machine. */
function kept({ clusters, env }: Awaited<ReturnType<typeof world>>): string[] {
  const { configMap, lease, secret } = RESOURCES;
  const objects = [clusters.east, clusters.west].flatMap((cluster) =>
    [configMap, lease, secret].flatMap((resource) => cluster.all(resource)),
  );
  const folder = journalFolder(env);
  const files = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  return [...objects.map((object) => JSON.stringify(object)), ...files];
}

it('nothing that lets somebody in, and no value of a pod, is in what is said or kept of a move', async () => {
  const here = await world();
  const { clusters, env, east, west } = here;
  const run = (...argv: string[]): Promise<Ended> => kubectlMigrate(argv, env);
  try {
    const written: string[] = [];
    const note = async (...argv: string[]) => {
      written.push(JSON.stringify({ argv, ...(await run(...argv)) }));
    };
    await note('contexts');
    await note('contexts', '-o', 'json');
    await note('check', 'cart-0', ...BETWEEN, '-v', '9');
    for (const user of ['fails', 'chatters', 'cutOff'])
      await note('pod', 'cart-0', '--context', user, '--to-context', 'west', '--yes', '-v', '9');
    await note('list', '--context', 'address', '-v', '9');
    // A plan for people to keep has the pod's own specification, and nothing that lets anybody in.
    const shown = await run('pod', 'cart-0', ...BETWEEN, '--dry-run', '-o', 'yaml');
    expect(leaks(shown.stdout)).toEqual([SEED.variable, SEED.header]);
    // No helper answers behind these servers, so that this is led back.
    await note('pod', 'cart-0', ...BETWEEN, '--yes', '-v', '9');
    await note('pod', 'cart-0', ...BETWEEN, '--yes', '-v', '9', '-o', 'json');
    expect(written.filter((text) => text.includes('taken back: start helper pods'))).toHaveLength(2);
    const { plan } = await move(clusters, { copies: [createFileSink(journalFolder(env))] });
    expect(leaks(JSON.stringify(plan.manifest))).toEqual([SEED.variable, SEED.header]);
    await note('list', '-A', ...BETWEEN, '-o', 'json');
    await note('describe', 'm-test', ...BETWEEN, '-v', '9');
    await note('describe', 'm-test', ...BETWEEN, '-o', 'json');
    await note('report', 'm-test', ...BETWEEN, '-o', 'json');
    await note('audit', 'list', ...BETWEEN, '-o', 'json');
    await note('audit', 'verify', ...BETWEEN, '-v', '9');
    for (const text of [...written, ...kept(here)]) expect({ text, leaks: leaks(text) }).toEqual({ text, leaks: [] });
    // All of it was in use, and there was something to be found.
    expect(east.authorizations).toEqual(new Set([`Bearer ${SEED.plugin}`, `Basic ${btoa(`ann:${SEED.address}`)}`]));
    expect(west.authorizations).toEqual(new Set([`Bearer ${SEED.token}`]));
    expect(written.filter((text) => text.includes('F312'))).toHaveLength(3);
    expect(kept(here).length).toBeGreaterThan(5);
  } finally {
    await here.close();
  }
}, 60_000);

it('the login of a registry that refuses it is in no message', async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer(LOCALHOST, ({ headers }, answer) => {
    seen.push(headers.authorization);
    answer
      .writeHead(headers.authorization ? 403 : 401, { 'www-authenticate': 'Basic realm="here"' })
      .end('{"errors":[]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = temporaryFolder();
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  mkdirSync(path.join(folder, 'docker'));
  const auths = { [host]: { auth: btoa(`ann:${SEED.registry}`) } };
  writeFileSync(path.join(folder, 'docker', 'config.json'), JSON.stringify({ auths }));
  const authority = path.join(folder, 'ca.pem');
  writeFileSync(authority, LOCALHOST.cert);
  const env = { DOCKER_CONFIG: path.join(folder, 'docker') };
  try {
    const registry = registryFor({ host, repository: 'team/checkpoints' }, { 'registry-ca': authority }, env);
    const error = asMigrateError(await registry.digestOf('m-test').catch((refused: unknown) => refused));
    expect(seen.at(-1)).toBe(`Basic ${btoa(`ann:${SEED.registry}`)}`);
    expect(error.code).toMatch(/^F38/);
    expect(leaks([error.stack, error.detail, error.remedy, JSON.stringify(error)].join())).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
