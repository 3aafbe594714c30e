import { describe, expect, it } from 'vitest';
import type { ProcessOptions } from '../support/kubectl.ts';
import { redisWithFiles } from '../support/redis-with-files.ts';
import { accountForWrites } from '../support/redis-writes.ts';
import { scenario } from '../support/scenario.ts';

const MOVE = ['pod', 'redis', '--context', 'east', '--to-context', 'west', '--to-node', 'west-1', '--yes'];

/** Kills the plugin, without any chance to clean up, as soon as it says a certain thing. */
function killAt(words: string): ProcessOptions {
  let kill: () => void;
  let seen = '';
  return {
    onStart: (child) => {
      kill = () => child.kill('SIGKILL');
    },
    onStderr: (text) => {
      seen += text;
      if (seen.includes(words)) kill();
    },
  };
}

/** kubelet brings the container up again; until then the pod's status may still tell of the one before. */
const SOON = { timeout: 60_000, interval: 500 };

describe('a move that fails before the commit', () => {
  it('leads back when the restore fails: the source answers again and nothing of ours is left', () =>
    scenario('restore-fails', async (scene) => {
      const { namespace, kubectl, migrate, objects, leftOf } = scene;
      const load = await redisWithFiles(scene, '10s');
      const before = await objects();
      // Something in the target's network namespace takes the port: CRIU cannot bind the listener again.
      // It must not read the volume, where a file of the source is just arriving.
      const apart = ['--dir', '/', '--dbfilename', 'none.rdb', '--save', ''];
      const server = ['redis-server', '--port', '6379', '--daemonize', 'yes', ...apart];
      const occupy = ['-n', namespace, 'exec', 'redis', '--', ...server];
      let occupied: Promise<unknown> = Promise.resolve();
      const ended = await migrate(MOVE, {
        onStderr: (text) => {
          if (text.includes('copy files ahead\n')) occupied = kubectl.try('west', occupy);
        },
      });
      await occupied;
      expect(ended.stderr).toContain('F341');
      expect(ended.stderr).toContain('everything is as it was: the source serves');
      expect(ended.code).toBe(1);
      const summary = await load.stop();
      expect(summary.longestGapMs).toBeLessThan(2000);
      // The client’s one connection was silent during the freeze, and went on.
      expect(summary.errors).toBe(0);
      const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, summary);
      expect(account.lost).toEqual([]);
      expect(account.twice).toEqual([]);
      const withoutClient = (names: string[]) => names.filter((name) => !/client|endpointslice/.test(name));
      expect(withoutClient(await objects())).toEqual(withoutClient(before));
      expect(await leftOf(ended)).toEqual([]);
    }));

  for (const [when, words] of [
    ['before the freeze', 'copy files ahead'],
    ['during the freeze', 'freeze the source and take its image'],
  ] as const) {
    it(`leaves a source that serves when the plugin is killed ${when}`, () =>
      scenario('killed', async (scene) => {
        const { namespace, kubectl, migrate } = scene;
        const load = await redisWithFiles(scene);
        const ended = await migrate([...MOVE, '--max-freeze', '3s'], killAt(words));
        expect(ended.code).toBe(128);
        await new Promise((resolve) => setTimeout(resolve, 6000));
        const answer = await kubectl.run('east', ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', 'PING']);
        expect(answer).toBe('PONG\n');
        const summary = await load.stop();
        expect(summary.longestGapMs).toBeLessThan(5000);
        const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, summary);
        expect(account.lost).toEqual([]);
        expect(account.twice).toEqual([]);
        const id = /\bm-[a-z0-9]{6}\b/.exec(ended.stderr)?.[0] ?? '';
        for (const context of ['east', 'west'] as const) {
          const label = `kubectl-migrate.io/migration=${id}`;
          await kubectl.run(context, ['-n', 'kubectl-migrate', 'delete', 'pods', '-l', label, '--wait=false']);
        }
      }));
  }

  it('because the container was restarted meanwhile says so, and the new one serves', () =>
    scenario('restarted', async (scene) => {
      const { namespace, kubectl, migrate, leftOf } = scene;
      const load = await redisWithFiles(scene);
      const inside = ['-n', namespace, 'exec', 'redis', '--', 'redis-cli'];
      const ended = await migrate(MOVE, {
        onStderr: (text) => {
          if (text.includes('prepare the services\n')) void kubectl.try('east', [...inside, 'SHUTDOWN', 'NOSAVE']);
        },
      });
      expect(ended.stderr).toContain('F344');
      expect(ended.stderr).toContain('everything is as it was');
      expect(ended.code).toBe(1);
      await expect.poll(async () => (await kubectl.try('east', [...inside, 'PING'])).stdout, SOON).toBe('PONG\n');
      await load.stop();
      expect(await leftOf(ended)).toEqual([]);
    }));

  it('turns back on the first interrupt', () =>
    scenario('interrupted', async (scene) => {
      const { migrate, leftOf, objects } = scene;
      const load = await redisWithFiles(scene);
      const before = await objects();
      let interrupt = () => {};
      const ended = await migrate(MOVE, {
        onStart: (child) => {
          interrupt = () => child.kill('SIGINT');
        },
        onStderr: (text) => {
          // Once: a second interrupt means now.
          if (text.includes('copy files ahead\n')) interrupt();
        },
      });
      expect(ended.code).toBe(130);
      expect(ended.stderr).toContain('everything is as it was: the source serves');
      expect((await load.stop()).longestGapMs).toBeLessThan(2000);
      const withoutClient = (names: string[]) => names.filter((name) => !/client|endpointslice/.test(name));
      expect(withoutClient(await objects())).toEqual(withoutClient(before));
      expect(await leftOf(ended)).toEqual([]);
    }));
});
