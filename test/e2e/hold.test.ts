import { expect, it } from 'vitest';
import type { Ended } from '../support/kubectl.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { killOn, processesOf } from '../support/node-processes.ts';
import { migrationIn } from '../support/said.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { KEYS } from '../support/terminal.ts';

const TO_WEST = ['--context', 'east', '--to-context', 'west', '--to-node', 'west-1', '--hold', '30m', '--yes'];
const SOON = { timeout: 30_000, interval: 500 };

interface PodObject {
  readonly metadata: { readonly uid: string; readonly labels?: Record<string, string> };
  readonly status: { readonly containerStatuses?: readonly { readonly state: Record<string, unknown> }[] };
}

/** What of a pod’s program is on its node: the state of every process but those of the sandbox. */
function programOf({ lab, namespace, kubectl }: Scenario, name: string) {
  const read = () => kubectl.json<PodObject>('east', ['-n', namespace, 'pod', name]);
  const all = async () => processesOf(lab, 'east-2', (await read()).metadata.uid);
  const states = async () => (await all()).filter((each) => each.name === 'redis-server').map(({ state }) => state);
  return { read, all, states };
}

async function redis(scene: Scenario, name: string, container: object = {}): Promise<void> {
  const { lab, namespace, kubectl } = scene;
  const image = imageOf(lab, 'redis');
  await kubectl.apply('east', [
    pod({ namespace, name, image, node: 'east-2', port: 6379, container }),
    service(namespace, name, 6379),
  ]);
  await kubectl.ready('east', namespace, name);
}

const idOf = ({ stderr }: Ended) => migrationIn(stderr);

/** Kubelet starts what has ended, and a pod without a sandbox, at once the first time. */
const RETRIES_MS = 6000;

it('a held source stays stopped and out of its Service, and comes back without what the target did since', () =>
  scenario('hold', async (scene) => {
    const { namespace, kubectl, migrate, leftOf, objects } = scene;
    await redis(scene, 'redis');
    const cli = (context: 'east' | 'west', ...words: string[]) =>
      kubectl.run(context, ['-n', namespace, 'exec', 'redis', '--', 'redis-cli', ...words]);
    await cli('east', 'SET', 'before', 'kept');
    const before = await objects();
    const labels = (await programOf(scene, 'redis').read()).metadata.labels;
    const moved = await migrate(['pod', 'redis', ...TO_WEST]);
    const id = idOf(moved);
    expect(moved.code).toBe(0);
    expect(moved.stdout).toMatch(/Source held until 20\S+Z\. Next: kubectl migrate finalize m-/);
    const program = programOf(scene, 'redis');
    expect(await program.states()).toEqual(['T']);
    expect((await program.read()).metadata.labels ?? {}).toEqual({});
    expect(await leftOf(moved)).not.toContainEqual(expect.stringContaining('pod/helper'));
    const status = await migrate(['status', id]);
    expect(status.stdout).toMatch(
      /the source is kept stopped until .*Next: kubectl migrate finalize m-\w+, or back: .*\n$/,
    );
    await cli('west', 'SET', 'since', 'lost');

    const refused = await migrate(['rollback', id]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/Everything since then is lost[\s\S]*rollback m-\w+ --accept-loss/);
    expect(await program.states()).toEqual(['T']);

    const at = scene.terminal(['rollback', id], { columns: 160 });
    await at.shows(/Everything since then is lost[\s\S]*Type accept-loss if that may be so:/, 60_000);
    at.type(`accept-loss${KEYS.enter}`);
    expect(await at.exit()).toBe(0);
    expect(at.screen()).toContain('as before the move');
    await kubectl.ready('east', namespace, 'redis');
    expect([await cli('east', 'GET', 'before'), await cli('east', 'GET', 'since')]).toEqual(['kept\n', '\n']);
    expect((await program.read()).metadata.labels).toEqual(labels);
    expect(await objects()).toEqual(before);
    expect(await leftOf(moved)).toEqual([]);
  }));

it('nothing of a held source comes up anew: not after its liveness probe, not out of memory, not with its node', () =>
  scenario('held', async (scene) => {
    const { lab, kubectl, migrate, namespace } = scene;
    const livenessProbe = { tcpSocket: { port: 6379 }, periodSeconds: 2, failureThreshold: 3 };
    await Promise.all([redis(scene, 'memory'), redis(scene, 'liveness', { livenessProbe })]);
    const moves = await Promise.all(['memory', 'liveness'].map((name) => migrate(['pod', name, ...TO_WEST])));
    expect(moves.map(({ code }) => code)).toEqual([0, 0]);
    expect(moves[1]?.stderr).toContain('W214');
    const [memory, liveness] = [programOf(scene, 'memory'), programOf(scene, 'liveness')];
    // As the kernel does when a node is out of memory.
    await killOn(
      lab,
      'east-2',
      (await memory.all()).filter(({ name }) => name === 'redis-server'),
    );
    await expect.poll(() => liveness.states(), SOON).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, RETRIES_MS));
    for (const program of [memory, liveness]) {
      expect(await program.states()).toEqual([]);
      const [status] = (await program.read()).status.containerStatuses ?? [];
      expect(status?.state).not.toHaveProperty('running');
    }
    // What a reboot leaves of a pod: no process, no sandbox, and with that no network lock.
    await killOn(lab, 'east-2', [...(await memory.all()), ...(await liveness.all())]);
    await new Promise((resolve) => setTimeout(resolve, RETRIES_MS));
    expect([await memory.all(), await liveness.all()]).toEqual([[], []]);

    const [id = ''] = moves.map(idOf);
    const back = await migrate(['rollback', id, '--accept-loss']);
    expect(back).toMatchObject({ code: 5, stderr: expect.stringContaining('nothing to go back to') });
    for (const moved of moves) expect(await migrate(['finalize', idOf(moved)])).toMatchObject({ code: 0 });
    expect((await kubectl.run('east', ['-n', namespace, 'get', 'pods', '-o', 'name'])).trim()).toBe('');
  }));
