import { expect, it } from 'vitest';
import { ATTACH_COMMAND } from '../../src/helper/pod-spec.ts';
import { PROTOCOL_VERSION } from '../../src/helper/protocol.ts';
import { killWhen, newMachine, wrote } from '../support/kill.ts';
import { KILLED } from '../support/kubectl.ts';
import { redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { endHelper, processesOf } from '../support/node-processes.ts';
import { redisUnderWrites } from '../support/redis.ts';
import { accountForWrites, redisRunId } from '../support/redis-writes.ts';
import { migrationIn, whenSaid } from '../support/said.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

const MOVE = ['pod', 'redis', '--context', 'east', '--to-context', 'west', '--to-node', 'west-1', '--yes'];
const SOON = { timeout: 15_000, interval: 100 };

interface PodObject {
  readonly metadata: { readonly uid: string };
  readonly status: { readonly containerStatuses: readonly { readonly containerID: string }[] };
}

/** Asks a source helper for the seal, as the plugin does right before the commit. */
async function sealed({ namespace, kubectl }: Scenario, id: string): Promise<string> {
  const pod = await kubectl.json<PodObject>('east', ['-n', namespace, 'pod', 'redis']);
  const containerIds = pod.status.containerStatuses.map(({ containerID }) => containerID.replace(/^.*:\/\//, ''));
  const podLogs = `${namespace}_redis_${pod.metadata.uid}`;
  const request = { v: PROTOCOL_VERSION, id: `test-${Date.now()}`, op: 'seal', args: { containerIds, podLogs } };
  const exec = ['-n', 'kubectl-migrate', 'exec', '-i', `helper-${id}-source`, '--', ...ATTACH_COMMAND];
  return (await kubectl.try('east', exec, `${JSON.stringify(request)}\n`)).stdout;
}

it('a sealed source whose helper is removed by force stays stopped, and resume lets it go on with all it had', () =>
  scenario('helper-gone', async (scene) => {
    const { lab, namespace, kubectl, migrate, leftOf } = scene;
    await kubectl.apply('east', [
      pod({ namespace, name: 'redis', image: imageOf(lab, 'redis'), node: 'east-2', port: 6379 }),
      service(namespace, 'redis', 6379),
    ]);
    await kubectl.ready('east', namespace, 'redis');
    const load = await redisLoad({ lab, kubectl, context: 'east', namespace, name: 'client' }, 'redis:6379', '60s');
    await load.going;
    const kill = whenSaid('carry the image over', ({ child }) => child.kill('SIGKILL'));
    const killed = await migrate([...MOVE, '--max-freeze', '20s'], kill.options);
    const id = migrationIn(killed.stderr);
    await expect.poll(() => sealed(scene, id), SOON).toContain('"ok":true');
    const { metadata } = await kubectl.json<PodObject>('east', ['-n', namespace, 'pod', 'redis']);
    const states = async () =>
      (await processesOf(lab, 'east-2', metadata.uid))
        .filter(({ name }) => name === 'redis-server')
        .map(({ state }) => state);
    await endHelper(scene, 'east', `helper-${id}-source`);
    expect(await states()).toEqual(['T']);
    const resumed = await migrate(['resume', id]);
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('as before the move') });
    // It has writes to answer.
    expect(['R', 'S']).toContain((await states()).join());
    expect(await leftOf(killed)).toEqual([]);
    const account = await accountForWrites(kubectl, { context: 'east', namespace, pod: 'redis' }, await load.stop());
    expect(account).toMatchObject({ lost: [], twice: [] });
  }));

it.each([
  {
    move: 'to another cluster',
    rights: 'east to west',
    target: 'west',
    flags: ['--to-context', 'west'],
    ends: 'west-1',
  },
  // The image of the rehearsal goes with the helper; the other one is on the source's node.
  { move: 'to another node', rights: 'within east', target: 'east', flags: [], ends: 'east-2' },
] as const)(
  'a committed move $move whose target helper is removed by force goes on with all it had',
  ({ rights, target, flags, ends }) =>
    scenario({ name: 'helper-gone', rights: [rights] }, async (scene) => {
      const { namespace, kubectl, migrate } = scene;
      const load = await redisUnderWrites(scene);
      const was = await redisRunId(kubectl, { context: 'east', namespace, pod: 'redis' });
      const machine = newMachine();
      const to = ['--context', 'east', ...flags, '--to-node', `${target}-1`];
      const killed = await migrate(['pod', 'redis', ...to, '--yes'], killWhen(machine, wrote('commit', 'commit')));
      expect(killed.code).toBe(KILLED);
      const { id = '' } = machine.record() ?? {};
      await endHelper(scene, target, `helper-${id}-target`);
      const resumed = await migrate(['resume', id, '--context', 'east', ...flags], { env: newMachine().env });
      expect(resumed).toMatchObject({ code: ends === 'east-2' ? 1 : 0 });
      if (ends === 'east-2') expect(resumed.stderr).toContain('F348');
      const { spec } = await kubectl.json<{ spec: { nodeName: string } }>(target, ['-n', namespace, 'pod', 'redis']);
      expect(spec.nodeName).toBe(ends);
      const place = { context: target, namespace, pod: 'redis' };
      expect(await redisRunId(kubectl, place)).toBe(was);
      const account = await accountForWrites(kubectl, place, await load.stop());
      expect(account).toMatchObject({ lost: [], twice: [] });
    }),
);
