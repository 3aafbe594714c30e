import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { program, shows } from '../support/compatibility.ts';
import type { Context } from '../support/kubectl.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';

it(
  'PostgreSQL keeps committed rows, and an open transaction ends as after a lost connection',
  shows(program('PostgreSQL')),
  () =>
    scenario('postgres', async ({ lab, namespace, kubectl, migrate }) => {
      await kubectl.apply('east', [
        pod({
          namespace,
          name: 'db',
          image: imageOf(lab, 'postgres'),
          node: 'east-2',
          port: 5432,
          container: { readinessProbe: { exec: { command: ['pg_isready', '-h', 'localhost'] }, periodSeconds: 1 } },
        }),
        service(namespace, 'db', 5432),
      ]);
      await kubectl.ready('east', namespace, 'db');
      const sql = async (context: Context, statement: string) => {
        const words = ['-n', namespace, 'exec', 'db', '-c', 'main', '--', 'psql', '-U', 'postgres', '-tAc', statement];
        return (await kubectl.run(context, words)).trim();
      };
      await sql('east', 'create table t (n int)');
      await sql('east', 'insert into t select generate_series(1, 1000)');
      const started = await sql('east', 'select pg_postmaster_start_time()');

      // A client elsewhere in the cluster, through the service, in the middle of a transaction.
      await kubectl.apply('east', [
        pod({
          namespace,
          name: 'client',
          image: imageOf(lab, 'postgres'),
          node: 'east-1',
          container: { command: ['sh', '-c', 'while :; do read -t 3600 line; done'] },
        }),
      ]);
      await kubectl.ready('east', namespace, 'client');
      const words = ['--kubeconfig', lab.kubeconfig, '--context', 'east', '-n', namespace];
      const psql = ['exec', '-i', 'client', '--', 'psql', '-h', 'db', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1'];
      const client = spawn(lab.kubectl, [...words, ...psql], { stdio: 'pipe' });
      let said = '';
      for (const stream of [client.stdout, client.stderr]) {
        stream.on('data', (chunk) => {
          said += chunk;
        });
      }
      const ended = new Promise<number | null>((resolve) => client.on('close', resolve));
      client.stdin.write("begin;\ninsert into t select generate_series(2001, 2500);\nselect 'in the middle';\n");
      await expect.poll(() => said, { timeout: 20_000 }).toContain('in the middle');

      expect((await migrate(['pod', 'db', '--context', 'east', '--to-context', 'west', '--yes'])).code).toBe(0);
      client.stdin.write('commit;\n');
      client.stdin.end();
      expect(await ended).not.toBe(0);
      expect(said).toMatch(/connection|terminat|reset/i);

      expect(await sql('west', 'select pg_postmaster_start_time()')).toBe(started);
      expect(await sql('west', 'select count(*), max(n) from t')).toBe('1000|1000');
      await sql('west', 'insert into t values (1001)');
      expect(await sql('west', 'select count(*) from t')).toBe('1001');
      await expect
        .poll(() => sql('west', "select count(*) from pg_stat_activity where state like 'idle in transaction%'"), {
          timeout: 20_000,
        })
        .toBe('0');
    }),
);
