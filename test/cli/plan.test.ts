import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { EXIT } from '../../src/domain/errors.ts';
import type { Node, Pod, Service } from '../../src/kube/objects.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { runningPod, service } from '../fixtures/objects.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters({ services: [service('cart')], siblings: [runningPod({ name: 'cart-1' })] });
  served = await serveClusters(clusters);
});
afterEach(() => served.close());

function run(...argv: string[]): Promise<Ended> {
  return kubectlMigrate(argv, served.env);
}

async function window(...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('plan', 'pod', 'cart-0', '--to-context', 'west', '-o', 'yaml', ...flags);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return keep(stdout);
}

function keep(text: string): string {
  const file = path.join(served.folder, 'window.yaml');
  writeFileSync(file, text);
  return file;
}

/** The same pod with a second container, `log`. */
function withSidecar(pod: Pod): Pod {
  const both = <T extends { name: string }>(all: readonly T[] = []): T[] => [
    ...all,
    ...all.map((each) => ({ ...each, name: 'log' })),
  ];
  return {
    ...pod,
    spec: { ...pod.spec, containers: both(pod.spec.containers) },
    status: { ...pod.status, containerStatuses: both(pod.status?.containerStatuses) },
  };
}

/** Every request that could have changed something, the ones that only let the server check apart. */
function writes(): { path: string; dryRun: boolean }[] {
  return [...clusters.east.calls, ...clusters.west.calls]
    .filter(({ method, path: to }) => method !== 'GET' && !to.endsWith('reviews'))
    .map(({ path: to, query, body }) => ({
      path: to,
      dryRun: query?.['dryRun'] === 'All' || JSON.stringify(body ?? {}).includes('"dryRun":["All"]'),
    }));
}

function kept() {
  return writes().filter(({ dryRun }) => !dryRun);
}

describe('plan pod', () => {
  it('is what a dry run prints, with forecast, uids and digests of what it relied on', async () => {
    const plan = parse(readFileSync(await window(), 'utf8'));
    expect(plan).toMatchObject({
      schema: 'kubectl-migrate/plan-v1',
      request: { pod: 'cart-0', namespace: 'shop', targetNamespace: 'shop' },
      forecast: { downMs: expect.any(Number), totalMs: expect.any(Number) },
      digest: expect.stringMatching(/^sha256:/),
    });
    expect(plan.forecast.basis.join()).toContain('no past move known');
    const pod = plan.reliedOn.find(({ object }: never) => (object as { kind: string }).kind === 'Pod');
    expect(pod).toMatchObject({
      uid: clusters.uid,
      fields: { 'spec.containers': expect.stringMatching(/^[0-9a-f]{16}$/) },
    });
    expect(JSON.stringify(plan.reliedOn)).not.toContain('status.phase');
    expect(kept()).toEqual([]);
  });

  it('shows people every field that changes of objects that are there', async () => {
    const { code, stdout } = await run('plan', 'pod', 'cart-0', '--to-context', 'west');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Forecast: 0\.30 s down, 5\.30 s in all/);
    expect(stdout).toMatch(
      /Changes of objects that are there\n[\s\S]* {2}service shop\/cart of east\n[\s\S]*spec\.selector: \{"app":"cart"\} → \(none\)/,
    );
  });

  it('of several pods is one file, in the order of their names', async () => {
    const { code, stdout } = await run('plan', 'pod', '-l', 'app=cart', '--to-context', 'west', '-o', 'yaml');
    expect(code).toBe(0);
    expect(parseAllDocuments(stdout).map((document) => document.toJS().source.pod)).toEqual(['cart-0', 'cart-1']);
    const all = await run('plan', 'pod', '--all', '--to-context', 'west', '-o', 'json');
    expect(JSON.parse(all.stdout).map((plan: { source: { pod: string } }) => plan.source.pod)).toEqual([
      'cart-0',
      'cart-1',
    ]);
  });

  it('of several pods is declined as a whole when one cannot move', async () => {
    clusters.east.change<Pod>(RESOURCES.pod, 'shop', 'cart-1', (pod) => {
      pod.spec.hostNetwork = true;
    });
    const { code, stdout, stderr } = await run('plan', 'pod', '--all', '--to-context', 'west', '-o', 'yaml');
    expect(code).toBe(EXIT.declined);
    expect({ ...parse(stdout).error, stderr }).toMatchObject({ findings: [{ code: 'E120' }], stderr: '' });
  });

  it.each([
    [['plan', 'pod', 'cart-0', '-l', 'app=cart'], /name a pod, or say --selector/],
    [['plan', 'pod', 'cart-0', '--all-replicas'], /plans each pod when the one before has moved/],
    [['pod', '-l', 'app=cart'], /several pods are moved by a plan file/],
    [['plan', 'pod', '-l', 'app=none'], /there is no pod in namespace shop of east that matches app=none/],
  ])('%j is told what to do', async (argv, words) => {
    const { code, stderr } = await run(...argv, '--to-context', 'west');
    expect([EXIT.usage, EXIT.declined]).toContain(code);
    expect(stderr).toMatch(words);
  });
});

describe('a flag that is given twice', () => {
  it('has both values where it may be repeated, and takes no other word', async () => {
    const { stderr } = await run(
      'plan',
      'pod',
      '--overwrite',
      'one',
      '--overwrite',
      'two',
      'cart-0',
      '--to-context',
      'west',
    );
    expect(stderr).toMatch(/E112 +--overwrite one names nothing[\s\S]*E112 +--overwrite two names nothing/);
  });

  it('has the last value elsewhere, as with kubectl', async () => {
    const flags = ['--to-context', 'nowhere', '--to-context', 'west', '-o', 'json', '-o', 'yaml'];
    const { code, stdout } = await run('plan', 'pod', 'cart-0', ...flags);
    expect({ code, target: parse(stdout).target.context }).toEqual({ code: 0, target: 'west' });
  });
});

describe('a dry run on the servers', () => {
  it('asks about every write that stands for itself, keeps nothing, and calls the others not checkable', async () => {
    const { code, stdout } = await run('plan', 'pod', 'cart-0', '--to-context', 'west', '--dry-run=server');
    expect(code).toBe(0);
    expect(stdout).toMatch(/accepted +create +namespace kubectl-migrate +east/);
    expect(stdout).toMatch(/accepted +create +pod shop\/cart-0 +west/);
    expect(stdout).toMatch(/accepted +patch +service shop\/cart +east/);
    expect(stdout).toMatch(/accepted +delete +pod shop\/cart-0 +east/);
    expect(stdout).toMatch(
      /not checkable +create +pod kubectl-migrate\/helper\S+ +east +needs namespace kubectl-migrate/,
    );
    expect(stdout).toMatch(/not checkable +exec .*opens a stream into a pod that the move makes first/);
    const [, accepted] = /(\d+) accepted, 0 refused/.exec(stdout) ?? [];
    // Planning has asked about the target pod as well.
    expect(writes()).toHaveLength(Number(accepted) + 1);
    expect(kept()).toEqual([]);
    expect(clusters.west.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
  });

  it('names what would be refused, with exit 5', async () => {
    clusters.east.faults.add({
      when: ({ method, path: to }) => method === 'PATCH' && to.endsWith('/services/cart'),
      fault: { kind: 'status', code: 422, reason: 'Invalid' },
      times: 10,
    });
    const { code, stdout } = await run('pod', 'cart-0', '--to-context', 'west', '--dry-run=server', '-o', 'json');
    expect(code).toBe(EXIT.declined);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'F363',
      detail: expect.stringMatching(/Service cart: F316 .*injected 422/),
    });
  });
});

describe('apply', () => {
  const apply = async (file: string, ...flags: string[]) => run('apply', '-f', file, ...flags);

  it('finds no drift where only status has changed, and asks', async () => {
    const file = await window();
    clusters.east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', (pod) => {
      if (!pod.status) return;
      pod.status.podIP = '10.1.0.99';
      pod.status.podIPs = [{ ip: '10.1.0.99' }];
      pod.status.conditions = [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'True' },
      ];
    });
    const { code, stderr } = await apply(file);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/Plan m-\w+ {2}shop\/cart-0[\s\S]*F303/);
  });

  it.each<[string, string[]]>([
    ['that all move', []],
    ['of which one moves', ['--container', 'app']],
  ])('finds none in restarted containers %s, and goes by those that run now', async (_which, flags) => {
    const pod = withSidecar(runningPod());
    clusters.east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', (found) => {
      Object.assign(found, { spec: pod.spec, status: pod.status });
    });
    const file = await window(...flags);
    clusters.east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', (found) => {
      for (const status of found.status?.containerStatuses ?? [])
        Object.assign(status, { restartCount: 1, containerID: `containerd://${status.name.padEnd(64, '0')}` });
    });
    const { code, stderr } = await apply(file, '-o', 'json');
    expect({ code, stderr }).toEqual({ code: EXIT.usage, stderr: expect.stringContaining('"I401"') });
    const { source } = JSON.parse(stderr).data;
    expect([...source.containers, ...(source.afresh ?? [])]).toMatchObject([
      { name: 'app', id: 'app'.padEnd(64, '0'), restartCount: 1 },
      { name: 'log', id: 'log'.padEnd(64, '0'), restartCount: 1 },
    ]);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'a Service that was changed',
      () =>
        clusters.east.change<Service>(RESOURCES.service, 'shop', 'cart', (found) => {
          found.spec.ports = [{ port: 81, targetPort: 8080 }];
        }),
      /source service shop\/cart: spec\.ports was changed/,
    ],
    [
      'a label of the pod',
      () =>
        clusters.east.change<Pod>(RESOURCES.pod, 'shop', 'cart-0', (pod) => {
          pod.metadata.labels = { app: 'cart', tier: 'gold' };
        }),
      /source pod shop\/cart-0: metadata\.labels was changed[\s\S]*plan: manifest\.metadata\.labels\.tier was not there, would be "gold"/,
    ],
    [
      'another pod of that name',
      () => {
        clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
        clusters.east.seed(RESOURCES.pod, runningPod());
      },
      /source pod shop\/cart-0: metadata\.uid was \S+, is \S+: another object of that name/,
    ],
  ])('is refused for %s, and names the field: exit 6', async (_name, change, words) => {
    const file = await window();
    change();
    const { code, stdout, stderr } = await apply(file, '--yes');
    expect({ code, stdout }).toEqual({ code: EXIT.locked, stdout: '' });
    expect(stderr).toMatch(/error F362/);
    expect(stderr).toMatch(words);
    expect(kept()).toEqual([]);
  });

  it('keeps to the node that the plan named: declined when it no longer fits', async () => {
    const file = await window();
    const { node } = parse(readFileSync(file, 'utf8')).target;
    clusters.west.change<Node>(RESOURCES.node, undefined, node, (found) => {
      found.spec = { unschedulable: true };
    });
    const { code, stderr } = await apply(file, '--yes');
    expect(code).toBe(EXIT.declined);
    expect(stderr).toMatch(new RegExp(`E132[\\s\\S]*${node} is cordoned`));
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['was edited', (text) => text.replace('maxFreeze: 30000', 'maxFreeze: 60000'), /was changed after it was made/],
    ['has another schema', (text) => text.replace('plan-v1', 'plan-v9'), /has the schema kubectl-migrate\/plan-v9/],
    ['is something else', () => 'apiVersion: v1\nkind: Pod\n', /is not a plan: schema/],
    ['is empty', () => '', /is empty|holds no plan/],
    ['is no YAML', () => 'a: [', /is not YAML/],
    [
      'has a field that no request has',
      (text) => text.replace('  pod: cart-0\n', '  pod: cart-0\n  sudo: true\n'),
      /is not a plan: request/,
    ],
  ])('refuses a file that %s: F308, exit 2', async (_name, edit, words) => {
    const file = await window();
    const { code, stderr } = await apply(keep(edit(readFileSync(file, 'utf8'))), '--yes');
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/error F308/);
    expect(stderr).toMatch(words);
    expect(kept()).toEqual([]);
  });

  it('checks all plans of a file before it begins with the first', async () => {
    const { stdout } = await run('plan', 'pod', '--all', '--to-context', 'west', '-o', 'yaml');
    clusters.east.remove(RESOURCES.pod, 'shop', 'cart-1');
    const { code, stderr } = await apply(keep(stdout), '--yes');
    expect(code).toBe(EXIT.locked);
    expect(stderr).toMatch(/source pod shop\/cart-1: metadata\.uid was \S+, is gone/);
    expect(kept()).toEqual([]);
  });
});
