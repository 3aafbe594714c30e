import { expect } from 'vitest';
import type { Context } from './kubectl.ts';
import { imageOf, pod, service } from './manifests.ts';
import type { Scenario } from './scenario.ts';

export interface RowAccount {
  readonly acknowledged: number;
  /** How many inserts the client got no word about. */
  readonly unknown: number;
  /** Ids of rows whose insert was acknowledged, and which are not in the table. */
  readonly lost: readonly number[];
  /** Ids of rows that are in the table more than once. */
  readonly twice: readonly number[];
}

/** A PostgreSQL in the east with a Service, both called `db`, and a client that writes to it. */
export interface Postgres {
  /** When it was started, as it says itself; `context`: where it is. */
  startedAt(context: Context): Promise<string>;
  /** Waits until one more row is in the table than by now. */
  expectMoreRows(context: Context): Promise<void>;
  /** Ends the client and holds what it was told against what is in the table. */
  account(context: Context): Promise<RowAccount>;
}

/** Notices a server that went away without a word, as libpq does it: about 3 s after the last. */
const AT = [
  'host=db user=postgres connect_timeout=2 tcp_user_timeout=2000',
  'keepalives_idle=1 keepalives_interval=1 keepalives_count=2',
].join(' ');

/** Inserts one row after the other, each with an id of its own and over a connection of its own, until /tmp/stop is there. */
const INSERT = `
n=0
while [ ! -e /tmp/stop ]; do
  n=$((n+1))
  if psql -d '${AT}' -qc "insert into t values ($n)" 2>/tmp/why; then echo ok $n; else echo unknown $n; fi
  sleep 0.1
done`;

export async function postgresUnderLoad({ lab, namespace, kubectl }: Scenario): Promise<Postgres> {
  const image = imageOf(lab, 'postgres');
  const isReady = { exec: { command: ['pg_isready', '-h', 'localhost'] }, periodSeconds: 1 };
  const sql = async (context: Context, statement: string) => {
    const words = ['-n', namespace, 'exec', 'db', '-c', 'main', '--', 'psql', '-U', 'postgres', '-tAc', statement];
    return (await kubectl.run(context, words)).trim();
  };
  await kubectl.apply('east', [
    pod({ namespace, name: 'db', image, node: 'east-2', port: 5432, container: { readinessProbe: isReady } }),
    service(namespace, 'db', 5432),
  ]);
  await kubectl.ready('east', namespace, 'db');
  // Nothing in the table forbids an id to be there twice.
  await sql('east', 'create table t (id int)');
  const container = { command: ['sh', '-c', INSERT] };
  await kubectl.apply('east', [
    pod({ namespace, name: 'rows', image, node: 'east-1', container, spec: { restartPolicy: 'Never' } }),
  ]);
  await kubectl.ready('east', namespace, 'rows');
  return {
    startedAt: (context) => sql(context, 'select pg_postmaster_start_time()'),
    expectMoreRows: async (context) => {
      const count = async () => Number(await sql(context, 'select count(*) from t'));
      const before = await count();
      const why = `rows come in ${context}`;
      await expect.poll(count, { message: why, timeout: 60_000, interval: 100 }).toBeGreaterThan(before);
    },
    account: async (context) => {
      const rows = ['-n', namespace, 'exec', 'rows', '--', 'touch', '/tmp/stop'];
      await kubectl.run('east', rows);
      await kubectl.run('east', ['-n', namespace, 'wait', 'pod/rows', '--for=jsonpath={.status.phase}=Succeeded']);
      const told = (await kubectl.run('east', ['-n', namespace, 'logs', 'rows'])).trim().split('\n');
      const said = (word: string) =>
        told.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ')[1]);
      const counts = new Map<number, number>();
      for (const id of (await sql(context, 'select id from t')).split('\n').map(Number))
        counts.set(id, (counts.get(id) ?? 0) + 1);
      const acknowledged = said('ok').map(Number);
      return {
        acknowledged: acknowledged.length,
        unknown: said('unknown').length,
        lost: acknowledged.filter((id) => !counts.has(id)),
        twice: [...counts].filter(([, count]) => count > 1).map(([id]) => id),
      };
    },
  };
}
