import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../../src/domain/finding.ts';
import { ENGINES, type EngineName } from '../../../src/domain/plan.ts';
import { byKubelet } from '../../support/by-kubelet.ts';
import { program, shows } from '../../support/compatibility.ts';
import { ask, type Counter, expectSameProcess } from '../../support/counter.ts';
import type { Context } from '../../support/kubectl.ts';
import { imageOf, type PodOptions, pod, WITHOUT_IO_URING } from '../../support/manifests.ts';
import { type Scenario, scenario } from '../../support/scenario.ts';
import { changes, takeSnapshot, unexpected } from '../../support/snapshot.ts';

// Every program with every engine, each in a pod of its own, on a lab with containerd 2.1 on all nodes.

/** What a program has in memory: written once, and held against it afterwards. */
type Memory = (scene: Scenario, context: Context) => Promise<(context: Context) => Promise<void>>;

interface Case {
  readonly image: string;
  readonly port: number;
  readonly memory: Memory;
  readonly variant?: Pick<PodOptions, 'container'>;
  readonly declined?: Partial<Record<EngineName, FindingCode>>;
}

/** Runs a command in the pod's only container. */
function inside({ kubectl, namespace }: Scenario) {
  return async (context: Context, ...command: string[]) =>
    (await kubectl.run(context, ['-n', namespace, 'exec', 'p', '--', ...command])).trim();
}

const counter: Memory = async ({ kubectl, namespace }, context) => {
  const before = await ask(kubectl, context, namespace, 'p');
  return async (there) => expectSameProcess(before, await ask<Counter>(kubectl, there, namespace, 'p'));
};

const redis: Memory = async (scene, context) => {
  const run = inside(scene);
  const runId = async (where: Context) => /^run_id:(\w+)/m.exec(await run(where, 'redis-cli', 'INFO', 'server'))?.[1];
  await run(context, 'redis-cli', 'SET', 'kept', 'here');
  const before = await runId(context);
  return async (there) => {
    expect([await runId(there), await run(there, 'redis-cli', 'GET', 'kept')]).toEqual([before, 'here']);
  };
};

const postgres: Memory = async (scene, context) => {
  const run = inside(scene);
  const sql = (where: Context, statement: string) => run(where, 'psql', '-U', 'postgres', '-tAc', statement);
  await sql(context, 'create unlogged table t (n int)');
  await sql(context, 'insert into t select generate_series(1, 1000)');
  const started = await sql(context, 'select pg_postmaster_start_time()');
  return async (there) => {
    expect(await sql(there, 'select pg_postmaster_start_time()')).toBe(started);
    expect(await sql(there, 'select count(*), max(n) from t')).toBe('1000|1000');
  };
};

const memcached: Memory = async (scene, context) => {
  const run = inside(scene);
  const tell = (where: Context, lines: string) =>
    run(where, 'sh', '-c', `printf '${lines}quit\\r\\n' | nc 127.0.0.1 11211`);
  expect(await tell(context, 'set kept 0 0 4\\r\\nhere\\r\\n')).toContain('STORED');
  return async (there) => expect(await tell(there, 'get kept\\r\\n')).toContain('here');
};

const nginx: Memory = async (scene, context) => {
  const { kubectl, namespace } = scene;
  const state = async (where: Context) => {
    const status = await kubectl.run(where, ['get', '--raw', `/api/v1/namespaces/${namespace}/pods/p:8081/proxy/`]);
    const processes = await inside(scene)(where, 'ps', '-o', 'user,args');
    const ours = processes.split('\n').filter((line) => /nginx: (master|worker)/.test(line));
    return { ours, requests: Number(/\d+ \d+ (\d+) \n/.exec(status)?.[1]) };
  };
  const before = await state(context);
  return async (there) => expect(await state(there)).toEqual({ ...before, requests: before.requests + 1 });
};

const CASES: Readonly<Record<string, Case>> = {
  redis: { image: 'redis', port: 6379, memory: redis },
  PostgreSQL: { image: 'postgres', port: 5432, memory: postgres },
  'Node.js': { image: 'node-counter', port: 8080, memory: counter, variant: WITHOUT_IO_URING },
  Python: { image: 'python', port: 8080, memory: counter },
  JVM: { image: 'jvm-counter', port: 8080, memory: counter },
  'nginx with workers': { image: 'nginx', port: 8081, memory: nginx },
  'Go (MPTCP listener)': { image: 'go-server', port: 8080, memory: counter, declined: { kubelet: 'E150' } },
  memcached: { image: 'memcached', port: 11211, memory: memcached },
  'one static program in an image with nothing else': { image: 'static', port: 8080, memory: counter },
};

describe.each(ENGINES)('with the %s engine', (engine) => {
  for (const [name, { image, port, memory, variant, declined }] of Object.entries(CASES)) {
    const code = declined?.[engine];
    it(
      `${name} ${code === undefined ? 'moves' : `is declined (${code})`}, and nothing else changes`,
      shows(program(name, { engine, declined: code })),
      () =>
        scenario(
          {
            name: `by-${engine}-${image}`,
            rights: [engine === 'kubelet' ? 'east to west by kubelet' : 'east to west'],
          },
          async (scene) => {
            const { lab, kubectl, namespace, migrate } = scene;
            const options = { namespace, name: 'p', image: imageOf(lab, image), node: 'east-2', port, ...variant };
            await kubectl.apply('east', [pod(options)]);
            await kubectl.ready('east', namespace, 'p');
            const check = await memory(scene, 'east');
            const was = await takeSnapshot(kubectl, namespace);
            const how = engine === 'kubelet' ? byKubelet(scene) : ['--engine', engine];
            const ended = await migrate(['pod', 'p', '--context', 'east', '--to-context', 'west', ...how, '--yes']);
            const lines = changes(was, await takeSnapshot(kubectl, namespace));
            if (code === undefined) {
              expect(ended.code).toBe(0);
              expect(unexpected(lines, ['east Pod/p gone', 'west Pod/p made'])).toEqual([]);
              await check('west');
            } else {
              expect(ended).toMatchObject({ code: 5, stderr: expect.stringContaining(code) });
              expect(lines).toEqual([]);
              await check('east');
            }
          },
        ),
    );
  }
});
