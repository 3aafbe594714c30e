import { expect, it } from 'vitest';
import type { FindingCode } from '../../../src/domain/finding.ts';
import type { EngineName } from '../../../src/domain/plan.ts';
import { byKubelet } from '../../support/by-kubelet.ts';
import { program, shows } from '../../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../../support/counter.ts';
import type { Context } from '../../support/kubectl.ts';
import { imageOf, type PodOptions, pod, WITHOUT_IO_URING } from '../../support/manifests.ts';
import { type Scenario, scenario } from '../../support/scenario.ts';
import { expectOnly, takeSnapshot } from '../../support/snapshot.ts';

// Every program with every engine, each in a pod of its own, on a lab with containerd 2.1 on all nodes.

/** What a program has in memory: written once, and held against it afterwards. */
type Memory = (scene: Scenario, pod: string) => Promise<(context: Context) => Promise<void>>;

interface Case {
  readonly image: string;
  readonly port: number;
  readonly memory: Memory;
  readonly variant?: Pick<PodOptions, 'container'>;
  readonly declined?: Partial<Record<EngineName, FindingCode>>;
}

/** Runs a command in a pod's only container. */
function inside({ kubectl, namespace }: Scenario, pod: string) {
  return async (where: Context, ...command: string[]) =>
    (await kubectl.run(where, ['-n', namespace, 'exec', pod, '--', ...command])).trim();
}

const counter: Memory = async ({ kubectl, namespace }, pod) => {
  const before = await ask(kubectl, 'east', namespace, pod);
  return async (there) => expectSameProcess(before, await ask<Counter>(kubectl, there, namespace, pod));
};

const redis: Memory = async (scene, pod) => {
  const run = inside(scene, pod);
  const runId = async (where: Context) => /^run_id:(\w+)/m.exec(await run(where, 'redis-cli', 'INFO', 'server'))?.[1];
  await run('east', 'redis-cli', 'SET', 'kept', 'here');
  const before = await runId('east');
  return async (there) => {
    expect([await runId(there), await run(there, 'redis-cli', 'GET', 'kept')]).toEqual([before, 'here']);
  };
};

const postgres: Memory = async (scene, pod) => {
  const run = inside(scene, pod);
  const sql = (where: Context, statement: string) => run(where, 'psql', '-U', 'postgres', '-tAc', statement);
  await sql('east', 'create unlogged table t (n int)');
  await sql('east', 'insert into t select generate_series(1, 1000)');
  const started = await sql('east', 'select pg_postmaster_start_time()');
  return async (there) => {
    expect(await sql(there, 'select pg_postmaster_start_time()')).toBe(started);
    expect(await sql(there, 'select count(*), max(n) from t')).toBe('1000|1000');
  };
};

const memcached: Memory = async (scene, pod) => {
  const run = inside(scene, pod);
  const tell = (where: Context, lines: string) =>
    run(where, 'sh', '-c', `printf '${lines}quit\\r\\n' | nc 127.0.0.1 11211`);
  expect(await tell('east', 'set kept 0 0 4\\r\\nhere\\r\\n')).toContain('STORED');
  return async (there) => expect(await tell(there, 'get kept\\r\\n')).toContain('here');
};

const nginx: Memory = async (scene, pod) => {
  const { kubectl, namespace } = scene;
  const state = async (where: Context) => {
    const status = await kubectl.run(where, [
      'get',
      '--raw',
      `/api/v1/namespaces/${namespace}/pods/${pod}:8081/proxy/`,
    ]);
    const processes = await inside(scene, pod)(where, 'ps', '-o', 'user,args');
    const ours = processes.split('\n').filter((line) => /nginx: (master|worker)/.test(line));
    return { ours, requests: Number(/\d+ \d+ (\d+) \n/.exec(status)?.[1]) };
  };
  const before = await state('east');
  return async (there) => expect(await state(there)).toEqual({ ...before, requests: before.requests + 1 });
};

const CASES: Readonly<Record<string, Case>> = {
  redis: { image: 'redis', port: 6379, memory: redis },
  PostgreSQL: { image: 'postgres', port: 5432, memory: postgres, declined: { kubelet: 'E152' } },
  'Node.js': { image: 'node-counter', port: 8080, memory: counter, variant: WITHOUT_IO_URING },
  Python: { image: 'python', port: 8080, memory: counter },
  JVM: { image: 'jvm-counter', port: 8080, memory: counter },
  'nginx with workers': { image: 'nginx', port: 8081, memory: nginx },
  'Go (MPTCP listener)': { image: 'go-server', port: 8080, memory: counter, declined: { kubelet: 'E152' } },
  memcached: { image: 'memcached', port: 11211, memory: memcached },
  'one static program in an image with nothing else': { image: 'static', port: 8080, memory: counter },
};

const shown = (engine: EngineName) =>
  Object.entries(CASES).map(([name, { declined }]) => program(name, { engine, declined: declined?.[engine] }));

/** Moves one after the other, each in a pod of its own that is called as its image. */
async function moveAll(scene: Scenario, engine: EngineName): Promise<void> {
  const { lab, kubectl, namespace, migrate } = scene;
  const all = Object.values(CASES);
  const pods = all.map(({ image, port, variant }) =>
    pod({ namespace, name: image, image: imageOf(lab, image), node: 'east-2', port, ...variant }),
  );
  await kubectl.apply('east', pods);
  for (const { image } of all) await kubectl.ready('east', namespace, image);
  const how = engine === 'kubelet' ? byKubelet(scene) : ['--engine', engine];
  for (const { image, memory, declined } of all) {
    const code = declined?.[engine];
    const check = await memory(scene, image);
    const was = await takeSnapshot(kubectl, namespace);
    const ended = await migrate(['pod', image, '--context', 'east', '--to-context', 'west', ...how, '--yes']);
    if (code === undefined) expect(ended.code, image).toBe(0);
    else expect(ended, image).toMatchObject({ code: 5, stderr: expect.stringContaining(code) });
    const moved = [`east Pod/${image} gone`, `west Pod/${image} made`];
    await expectOnly(scene, was, code === undefined ? moved : [], image);
    await check(code === undefined ? 'west' : 'east');
  }
}

it('every program moves with the helper engine, and nothing else changes', shows(...shown('helper')), () =>
  scenario('by-helper', (scene) => moveAll(scene, 'helper')),
);

it('a program moves with the kubelet engine or is declined, and nothing else changes', shows(...shown('kubelet')), () =>
  scenario({ name: 'by-kubelet', rights: ['east to west by kubelet'] }, (scene) => moveAll(scene, 'kubelet')),
);
