import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { EXIT, FAILURES } from '../../src/domain/errors.ts';
import { FINDINGS } from '../../src/domain/finding.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { MESSAGES } from '../../src/report/message.ts';
import { isWrite } from '../fakes/fake-writes.ts';
import { move } from '../fixtures/move.ts';
import { node, runningPod, service } from '../fixtures/objects.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters({
    services: [service('cart')],
    siblings: [runningPod({ name: 'netty', spec: { hostNetwork: true } })],
  });
  served = await serveClusters(clusters);
});
afterEach(() => served.close());

function run(...argv: string[]): Promise<Ended> {
  return kubectlMigrate(argv, served.env);
}

function config(text: string): void {
  mkdirSync(path.join(served.folder, 'configuration/kubectl-migrate'), { recursive: true });
  writeFileSync(path.join(served.folder, 'configuration/kubectl-migrate/config.yaml'), text);
}

describe('check pod', () => {
  it('says that a pod can be moved, and where to', async () => {
    clusters.west.seed(RESOURCES.node, node('arm', { architecture: 'arm64' }));
    const { code, stdout } = await run('check', 'pod', 'cart-0', '--to-context', 'west');
    expect(code).toBe(0);
    expect(stdout).toMatch(/cart-0 can be moved, to west\/west-1/);
    expect(stdout).toMatch(/arm +✗ no +is arm64, the source node is amd64/);
    expect(stdout).toMatch(/west-2 +✓ fits/);
    expect(stdout).toMatch(/Only the nodes can tell.*E131 processor lacks features.*E150/);
  });

  it('lists what stands in the way, exit 5, in JSON too', async () => {
    const { code, stdout } = await run('check', 'pod', 'netty', '--to-context', 'west', '-o', 'json');
    expect(code).toBe(EXIT.declined);
    expect(JSON.parse(stdout)).toMatchObject({
      movable: false,
      findings: [{ code: 'E120' }],
      needProbe: expect.arrayContaining([{ code: 'E150', title: 'container holds something that cannot be moved' }]),
      nodes: [{ node: 'west-1' }, {}],
    });
  });
});

describe('check pod --probe', () => {
  it('shows what asking the nodes takes, and wants a yes', async () => {
    const { code, stderr } = await run('check', 'pod', 'cart-0', '--to-context', 'west', '--probe');
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/To ask east\/east-1 and west\/west-1:/);
    expect(stderr).toMatch(/create +pod kubectl-migrate\/helper-m-\w+-target +west/);
    expect(stderr).toMatch(/delete +configmap kubectl-migrate\/m-\w+ +east/);
    expect(stderr).not.toMatch(/delete +pod shop/);
    expect(stderr).toContain('F303');
    expect([...clusters.east.calls, ...clusters.west.calls].filter(isWrite)).toEqual([]);
  });

  it('asks no node about what the API servers rule out', async () => {
    const { code, stdout } = await run('check', 'pod', 'netty', '--to-context', 'west', '--probe', '-o', 'json');
    expect(code).toBe(EXIT.declined);
    expect(JSON.parse(stdout)).toMatchObject({ movable: false, findings: [{ code: 'E120' }] });
  });
});

describe('doctor', () => {
  it('finds nothing where nothing is wrong, but what cannot be seen from here', async () => {
    const { code, stdout } = await run('doctor', '--to-context', 'west', '-o', 'json');
    const { findings } = JSON.parse(stdout);
    expect(findings.filter(({ verdict }: { verdict: string }) => verdict === 'problem')).toEqual([]);
    expect(code).toBe(0);
    const checks = findings.map(({ where, check }: Record<string, string>) => `${where} ${check}`);
    for (const check of ['API server', 'nodes', 'helper engine', 'kubelet engine', 'helper namespace', 'metrics']) {
      expect(checks).toContain(`east ${check}`);
      expect(checks).toContain(`west ${check}`);
    }
    expect(checks).toContain('here helper image');
  });

  it('names every permission that is missing, a namespace that forbids helpers, and a cluster that does not answer', async () => {
    clusters.west.deny.push({ verb: 'create', group: '', resource: 'pods', namespace: 'kubectl-migrate' });
    clusters.east.seed(RESOURCES.namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'kubectl-migrate', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    const { code, stdout } = await run('doctor', '--to-context', 'west');
    expect(code).toBe(EXIT.declined);
    expect(stdout).toMatch(/✗ +west +helper engine +you may not create pods in namespace kubectl-migrate of west/);
    expect(stdout).toMatch(/✗ +east +helper namespace +kubectl-migrate forbids privileged pods \(restricted\)/);
    expect(stdout).toMatch(/doctor --engine helper --roles/);
    const gone = await run('doctor', '--context', 'gone', '--request-timeout', '2s');
    expect(gone.code).toBe(EXIT.declined);
    expect(gone.stdout).toMatch(/✗ +gone +API server +.*refused/);
  });

  it('calls it a problem only where the engine that is meant lacks a permission', async () => {
    clusters.east.deny.push({ verb: 'create', group: '', resource: 'nodes', subresource: 'proxy' });
    const { code, stdout } = await run('doctor', '--to-context', 'west');
    expect(code).toBe(0);
    expect(stdout).toMatch(/· +east +kubelet engine +you lack 1 of the \d+ permissions/);
    const kubelet = await run('doctor', '--to-context', 'west', '--engine', 'kubelet');
    expect(kubelet.code).toBe(EXIT.declined);
    expect(kubelet.stdout).toMatch(/✗ +east +kubelet engine +you may not create nodes\/proxy/);
  });

  it('calls it no problem where the kubelet engine may have no helper in the target, which it does without', async () => {
    clusters.west.deny.push({ verb: 'create', group: '', resource: 'pods', namespace: 'kubectl-migrate' });
    const { code, stdout } = await run('doctor', '--to-context', 'west', '--engine', 'kubelet');
    expect(stdout).toMatch(/· +west +kubelet engine +it does without 2 of \d+ permissions/);
    expect(stdout).toMatch(/west, kubelet engine: .*doctor --engine kubelet --roles/);
    expect(code).toBe(0);
  });

  it('prints roles that hold everything that a real move asked for', async () => {
    const { code, stdout } = await run('doctor', '--to-context', 'west', '--roles');
    expect(code).toBe(0);
    const objects = parseAllDocuments(stdout)
      .map((document) => document.toJS())
      .filter(Boolean);
    const rules = objects.flatMap((object) =>
      (object.rules ?? []).flatMap((rule: { apiGroups: string[]; resources: string[]; verbs: string[] }) =>
        rule.resources.flatMap((resource) =>
          rule.verbs.map((verb) => `${verb} ${resource} ${object.metadata.namespace ?? '*'}`),
        ),
      ),
    );
    // The administrator has made what the user may not.
    for (const cluster of [clusters.east, clusters.west])
      cluster.seed(
        RESOURCES.namespace,
        objects.find(({ kind }) => kind === 'Namespace'),
      );
    await move(clusters);
    const verbs: Record<string, string> = { POST: 'create', PATCH: 'patch', DELETE: 'delete', GET: 'get' };
    const asked = [...clusters.east.calls, ...clusters.west.calls].flatMap(({ method, path: to }) => {
      const [, namespace, resource, name, sub] =
        /\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(to) ?? [];
      if (namespace === undefined || to.includes('reviews')) return [];
      const verb = method === 'GET' && name === undefined ? 'list' : (verbs[method] ?? method);
      return [`${verb} ${[resource, sub].filter(Boolean).join('/')} ${namespace}`];
    });
    expect(asked.length).toBeGreaterThan(20);
    expect([...new Set(asked)].filter((each) => !rules.includes(each))).toEqual([]);
    expect(objects.some(({ kind }) => kind === 'ClusterRoleBinding')).toBe(true);
    // Not more than that: in all namespaces it may look at nodes, volumes and, in the target, how full nodes are.
    expect(rules.filter((rule) => rule.endsWith(' *')).toSorted()).toEqual([
      'get nodes *',
      'get nodes *',
      'get persistentvolumes *',
      'get persistentvolumes *',
      'list nodes *',
      'list pods *',
    ]);
    expect(objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name)).toEqual([
      'kubectl-migrate',
      'kubectl-migrate',
    ]);
  });

  it('prints roles for somebody else, which stand beside those of other users and of other moves', async () => {
    const names = async (...words: string[]) => {
      const { stdout } = await run('doctor', '--to-context', 'west', '--roles', ...words);
      const objects = parseAllDocuments(stdout).map((document) => document.toJS());
      return objects.filter(Boolean).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    };
    const jane = await names('--roles-for', 'https://id/jane');
    expect(jane.filter((name) => name.startsWith('Cluster'))).toEqual([
      'ClusterRole kubectl-migrate-helper-source',
      'ClusterRoleBinding kubectl-migrate-helper-source:https:--id-jane',
      'ClusterRole kubectl-migrate-helper-target',
      'ClusterRoleBinding kubectl-migrate-helper-target:https:--id-jane',
    ]);
    const kubelet = await names('--roles-for', 'joe', '--engine', 'kubelet');
    const shared = kubelet.filter((name) => jane.includes(name));
    expect([...new Set(shared)]).toEqual(['Namespace kubectl-migrate', 'NetworkPolicy helpers']);
  });
});

describe('history and report', () => {
  it('tell of a move that was made, against its forecast', async () => {
    const { plan } = await move(clusters);
    const { code, stdout } = await run('history', '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).moves).toMatchObject([
      {
        id: plan.id,
        pod: 'cart-0',
        from: 'east/east-1',
        to: 'west/west-1',
        state: 'done',
        forecastDownMs: plan.forecast.downMs,
      },
    ]);
    expect((await run('history')).stdout).toMatch(
      new RegExp(`${plan.id} +shop/cart-0 +east/east-1 +west/west-1 .*done`),
    );
    expect((await run('history', '-n', 'default')).stdout).toBe('No moves are known here.\n');
    const report = await run('report', plan.id, '-o', 'html');
    expect(report.code).toBe(0);
    expect(report.stdout).toMatch(/^<!doctype html>[\s\S]*cart-0 from east\/east-1 to west\/west-1[\s\S]*<\/html>\n$/);
    expect(report.stdout).not.toMatch(/src=|href=|url\(/);
    const { timeline } = JSON.parse((await run('report', plan.id, '-o', 'json')).stdout);
    expect(timeline.map(({ step }: { step: string }) => step)).toEqual(
      expect.arrayContaining(['helpers', 'freeze', 'switch']),
    );
  });

  it('has it from the copy in the target where the source cluster is gone', async () => {
    const { plan } = await move(clusters);
    const { code, stdout, stderr } = await run(
      ...['report', plan.id, '--context', 'gone', '--request-timeout', '1s'],
      ...['--to-context', 'west', '--to-request-timeout', '10s', '-o', 'json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: plan.id, state: 'done', pod: 'cart-0' });
    expect(stderr).toMatch(/could not be asked, and may know more/);
  });

  it('say that an id is not known', async () => {
    const { code, stderr } = await run('report', 'm-nobody');
    expect({ code, stderr }).toMatchObject({ code: EXIT.usage, stderr: expect.stringContaining('F374') });
  });
});

describe('a certificate that is not checked', () => {
  it.each([[['version']], [['contexts']], [['list', '-A']]])('is warned of by %j', async (command) => {
    const { stderr } = await run(...command, '--insecure-skip-tls-verify');
    expect(stderr).toMatch(/the certificate of http\S+ is not checked/);
  });
});

describe('another kubeconfig for the target', () => {
  it('says where to by its current context', async () => {
    const file = path.join(served.folder, 'west');
    const config = JSON.parse(readFileSync(path.join(served.folder, 'config'), 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, 'current-context': 'west' }));
    const { code, stdout } = await run('check', 'pod', 'cart-0', '--to-kubeconfig', file, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ movable: true, node: 'west-1' });
  });
});

describe('explain', () => {
  it.each(Object.keys({ ...FINDINGS, ...FAILURES, ...MESSAGES }))('knows %s', async (code) => {
    const { code: exit, stdout } = await run('explain', code.toLowerCase());
    expect(exit).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(new RegExp(`^${code} {2}\\S`));
    expect(stdout.split('\n\n')[1]?.length).toBeGreaterThan(20);
  });

  it('takes a slip for what was meant', async () => {
    const { code, stderr } = await run('explain', 'E12O');
    expect(code).toBe(EXIT.usage);
    expect(stderr).toContain('did you mean E120?');
  });
});

describe('completion', () => {
  const tab = async (...words: string[]) => {
    const { code, stdout } = await kubectlMigrate(['__complete', ...words], served.env);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    return { values: lines.slice(0, -1).map((line) => line.split('\t')[0]), directive: lines.at(-1) };
  };

  it.each<[string, string[], string[]]>([
    ['commands', ['po'], ['pod']],
    ['commands under a command', ['plan', ''], ['pod']],
    ['flags', ['pod', '--to-n'], ['--to-name', '--to-namespace', '--to-node', '--to-node-selector']],
    ['contexts', ['pod', '--to-context', ''], ['east', 'gone', 'west']],
    ['contexts after =', ['pod', '--to-context=w'], ['--to-context=west']],
    ['namespaces', ['pod', '-n', 's'], ['shop']],
    ['pods of the namespace', ['pod', ''], ['cart-0', 'netty']],
    ['pods as TYPE/NAME', ['pod', 'pod/c'], ['pod/cart-0']],
    ['pods of the named context', ['pod', '--context', 'west', '-n', 'shop', ''], []],
    ['nodes of the target', ['pod', 'cart-0', '--to-context', 'west', '--to-node', ''], ['west-1', 'west-2']],
    ['choices', ['pod', '--route', ''], ['endpoints', 'none']],
    ['codes', ['explain', 'e14'], ['E140', 'E141', 'E142', 'E145', 'E146', 'E147', 'E148']],
    ['nothing after the pod', ['pod', 'cart-0', ''], []],
    ['nothing from a cluster that does not answer', ['pod', '--context', 'gone', ''], []],
  ])('offers %s', async (_what, words, expected) => {
    const { values, directive } = await tab(...words);
    expect(values).toEqual(expected);
    expect(directive).toBe(':4');
  });

  it('offers the ids of migrations, and leaves files to the shell', async () => {
    const { plan } = await move(clusters);
    expect((await tab('report', '')).values).toEqual([plan.id]);
    expect((await tab('apply', '-f', '')).directive).toBe(':0');
  });

  it('is set up by a script that calls the plugin', async () => {
    const { stdout } = await run('completion');
    expect(stdout).toMatch(/^#!\/bin\/sh\n[\s\S]*exec kubectl-migrate __complete "\$@"\n$/);
  });
});

describe('version, contexts and settings', () => {
  it('tell the server’s version, or why there is none', async () => {
    expect((await run('version', '--client', '-o', 'json')).stdout).not.toContain('server');
    const { code, stdout } = await run('version', '--context', 'nowhere');
    expect(code).toBe(0);
    expect(stdout).toMatch(/kubectl-migrate \d.*\nnowhere: there is no context "nowhere"/);
  });

  it('contexts says which clusters answer', async () => {
    const { code, stdout } = await run('contexts', '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).contexts).toMatchObject([
      { name: 'east', current: true, reachable: true },
      { name: 'gone', reachable: false },
      { name: 'west', current: false, reachable: true },
    ]);
    expect((await run('contexts', '--request-timeout', '500ms', '-o', 'name')).stdout).toBe('east\ngone\nwest\n');
  });

  it('come from the file, above it from variables, above those from flags', async () => {
    config('helper-image: from.file/helper:1\nroute: none\nmax-freeze: 5s\n');
    const { stdout } = await run('config', 'view', '-o', 'json');
    const { settings } = JSON.parse(stdout);
    const of = (name: string) => settings.find((setting: { name: string }) => setting.name === name);
    expect(of('helper-image')).toMatchObject({
      value: 'registry.example/helper:1',
      from: 'variable KUBECTL_MIGRATE_HELPER_IMAGE',
    });
    expect(of('route')).toMatchObject({ value: 'none', from: expect.stringContaining('config.yaml') });
    expect(of('copy-timeout')).toMatchObject({ value: '600s', from: 'built in' });
    const plan = await run('plan', 'pod', 'cart-0', '--to-context', 'west', '-o', 'json', '--max-freeze', '7s');
    expect(JSON.parse(plan.stdout)).toMatchObject({ request: { route: 'none', deadlines: { maxFreeze: 7000 } } });
  });

  it.each([
    ['helper-imag: x\n', /helper-imag is no setting, did you mean helper-image\?/],
    ['route: dns\n', /route is one of endpoints, none, not dns/],
    ['a: [\n', /is not YAML/],
    ['token: secret\n', /token is no setting/],
  ])('refuses %j', async (text, words) => {
    config(text);
    const { code, stderr } = await run('config', 'view');
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/F309/);
    expect(stderr).toMatch(words);
  });
});

describe('the volume', () => {
  it('-v=6 tells requests without bodies, -v=4 where an error came from, and stdout stays the result', async () => {
    const loud = await run('plan', 'pod', 'cart-0', '--to-context', 'west', '-o', 'json', '-v=6');
    expect(loud.stderr).toMatch(
      /"I412".*GET http:\/\/127\.0\.0\.1:\d+\/api\/v1\/namespaces\/shop\/pods\/cart-0 200 in \d+ ms/,
    );
    expect(JSON.parse(loud.stdout)).toMatchObject({ schema: 'kubectl-migrate/plan-v1' });
    const quiet = await run('plan', 'pod', 'cart-0', '--to-context', 'west', '-o', 'json');
    expect(quiet.stderr).toBe('');
    const failed = await run('report', 'm-nobody', '-v', '4');
    expect(failed.stderr).toMatch(/at .*report\.ts/);
  });

  it('a certificate that is not checked is told, quiet or not', async () => {
    const { stderr } = await run('history', '--insecure-skip-tls-verify', '--quiet');
    expect(stderr).toMatch(/the certificate of .* is not checked/);
  });
});
