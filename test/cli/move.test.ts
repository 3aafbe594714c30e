import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXIT, MigrateError } from '../../src/domain/errors.ts';
import { isWrite } from '../fakes/fake-writes.ts';
import { runningPod, service } from '../fixtures/objects.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

let clusters: Clusters;
let served: Served;

beforeEach(async () => {
  clusters = twoClusters({ services: [service('cart')] });
  served = await serveClusters(clusters, [{ name: 'nowhere', context: { cluster: 'none', user: 'me' } }]);
});

afterEach(() => served.close());

function migrate(flags: readonly string[] = [], interrupt?: AbortSignal): Promise<Ended> {
  return kubectlMigrate(['pod', 'cart-0', '--to-context', 'west', ...flags], served.env, interrupt);
}

function writes(): string[] {
  return [...clusters.east.calls, ...clusters.west.calls]
    .filter(isWrite)
    .map(({ method, path: to }) => `${method} ${to}`);
}

describe('a dry run', () => {
  it('prints the plan that would run, as JSON, and changes nothing', async () => {
    const { code, stdout, stderr } = await migrate(['--dry-run', '-o', 'json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'kubectl-migrate/plan-v1',
      source: { context: 'east', namespace: 'shop', pod: 'cart-0' },
      target: { context: 'west', namespace: 'shop', node: 'west-1' },
      helper: { image: 'registry.example/helper:1' },
    });
    expect(writes()).toEqual([]);
  });

  it('prints the same plan as YAML', async () => {
    const { code, stdout } = await migrate(['--dry-run', '-o', 'yaml']);
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({ schema: 'kubectl-migrate/plan-v1', source: { pod: 'cart-0' } });
  });

  it('prints it for people on stdout, without a word on stderr', async () => {
    const { code, stdout, stderr } = await migrate(['--dry-run']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['shop/cart-0', 'east/east-1 -> west/west-1', 'PHASE', 'pod shop/cart-0']) {
      expect(stdout).toContain(word);
    }
  });

  it('takes flags and names as kubectl does', async () => {
    const argv = ['--dry-run', '-ojson', '-n', 'other', '-n', 'shop', '--to-node=west-2', '--max-freeze', '5s'];
    const { code, stdout } = await migrate([...argv, '-c', 'app']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      request: { container: 'app' },
      source: { namespace: 'shop' },
      target: { node: 'west-2' },
      deadlines: { maxFreeze: 5000 },
    });
  });
});

describe('without a terminal and without --yes', () => {
  it('nothing is done: F303, exit 2', async () => {
    const { code, stdout, stderr } = await migrate();
    expect({ code, stdout }).toEqual({ code: EXIT.usage, stdout: '' });
    expect(stderr).toContain('F303');
    expect(stderr).toContain('--yes');
    expect(writes()).toEqual([]);
  });

  it('stdout stays parseable, and what would have been asked about is on stderr', async () => {
    const { code, stdout, stderr } = await migrate(['-o', 'json']);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'I401', data: { schema: 'kubectl-migrate/plan-v1' } });
    expect(code).toBe(EXIT.usage);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'F303', outcome: 'usage' } });
  });
});

describe('a refusal', () => {
  it('lists every finding with why and what to do, exit 5', async () => {
    const argv = ['--namespace', 'shop', '--to-node', 'west-9', '--helper-image', ''];
    const { code, stdout, stderr } = await migrate(argv);
    expect({ code, stdout }).toEqual({ code: EXIT.declined, stdout: '' });
    for (const word of ['F305', 'E104', 'west-9', 'E142', 'why:', 'do:']) expect(stderr).toContain(word);
  });

  it.each([
    [['--to-context', 'wets'], 'E101', /--to-context east, gone, nowhere, west/],
    [['--context', 'eats'], 'E101', /--context east, gone, nowhere, west/],
    [['-nshoop', '--to-namespace', 'shop'], 'E102', /another with --namespace/],
    [['--to-context', 'east', '--to-node', 'east-1'], 'E107', /--to-context/],
  ])('as JSON holds its findings: %j', async (flags, finding, remedy) => {
    const { code, stdout, stderr } = await migrate([...flags, '-o', 'json', '--yes']);
    expect({ code, stderr }).toEqual({ code: EXIT.declined, stderr: '' });
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({ code: 'F305', outcome: 'declined', findings: [{ code: finding }] });
    expect(error.findings[0].remedy).toMatch(remedy);
    expect(writes()).toEqual([]);
  });

  it('of a pod that is not there says so', async () => {
    clusters.east.remove({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, 'shop', 'cart-0');
    const { code, stdout } = await migrate(['-o', 'yaml', '--dry-run']);
    expect(code).toBe(EXIT.declined);
    expect(parse(stdout)).toMatchObject({ error: { findings: [{ code: 'E103' }] } });
  });
});

describe('a kubeconfig', () => {
  it.each([
    ['that is not there', { KUBECONFIG: '/nonexistent/a' }],
    ['that is not there, with a home that has none', { HOME: '/nonexistent', KUBECONFIG: '/nonexistent/b' }],
  ])('%s is F302 and never localhost', async (_name, env) => {
    const argv = ['pod', 'cart-0', '--to-context', 'west', '--dry-run'];
    const { code, stdout, stderr } = await kubectlMigrate(argv, env);
    expect({ code, stdout }).toEqual({ code: EXIT.failed, stdout: '' });
    expect(stderr).toContain('F302');
    expect(stderr).toContain('/nonexistent/');
    expect(stderr).not.toContain('localhost');
  });

  it('named by flag that is not there is F302 too', async () => {
    const { code, stderr } = await migrate(['--kubeconfig', path.join(served.folder, 'none')]);
    expect(code).toBe(EXIT.failed);
    expect(stderr).toMatch(/F302[\s\S]*--kubeconfig/);
  });

  it('whose context leads nowhere says where', async () => {
    const { stderr } = await migrate(['--to-context', 'nowhere']);
    expect(stderr).toMatch(/F302[\s\S]*'nowhere'[\s\S]*'none'/);
  });
});

describe('weather', () => {
  it('an API server that is not there is F310 with its address, exit 1', async () => {
    await served.loseWest();
    const { code, stdout } = await migrate(['--dry-run', '-o', 'json', '--to-request-timeout', '2s']);
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'F310', detail: expect.stringContaining('west') } });
  });

  it('an API server that does not answer is F311 and names the flag', async () => {
    const when = ({ path: to }: { path: string }) => to.endsWith('/nodes');
    clusters.west.faults.add({ when, fault: { kind: 'slow', ms: 2000 }, times: 1000 });
    const { code, stdout } = await migrate(['--dry-run', '-o', 'json', '--request-timeout', '400ms']);
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'F311',
      remedy: expect.stringContaining('--request-timeout'),
    });
  });

  it('a user who interrupts gets 130 and an unchanged cluster', async () => {
    const reason = new MigrateError('F306', { detail: 'SIGINT', remedy: 'again', outcome: 'interrupted' });
    const { code, stdout } = await migrate(['--yes', '-o', 'json'], AbortSignal.abort(reason));
    expect(code).toBe(EXIT.interrupted);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'F306' } });
    expect(writes()).toEqual([]);
  });
});

describe('a record that cannot be kept', () => {
  it('ends the move before it began, and leaves nothing behind', async () => {
    writeFileSync(path.join(served.folder, 'state'), 'a file where a folder should be');
    const { code, stdout } = await migrate(['--yes', '-o', 'json']);
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'F350' } });
    const namespaces = clusters.east.all({
      apiVersion: 'v1',
      kind: 'Namespace',
      plural: 'namespaces',
      namespaced: false,
    });
    expect(namespaces.map(({ metadata }) => metadata.name)).not.toContain('kubectl-migrate');
  });
});

describe('a pod that cannot be moved', () => {
  it('is told by name, with the field', async () => {
    const { west } = clusters;
    west.seed({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, runningPod());
    const { code, stderr } = await migrate(['--dry-run']);
    expect(code).toBe(EXIT.declined);
    expect(stderr).toContain('E108');
  });
});
