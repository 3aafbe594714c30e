import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../../src/domain/errors.ts';
import type { Context } from '../../support/kubectl.ts';
import { type LabFault, ownerScaled, SOURCE_DELETED } from '../../support/lab-faults.ts';
import type { Load, RedisSummary } from '../../support/load-client.ts';
import { service } from '../../support/manifests.ts';
import { deployment } from '../../support/owned.ts';
import { redisPod, redisWithFiles, writingTo } from '../../support/redis.ts';
import { accountForWrites, expectMoreWrites, redisRunId } from '../../support/redis-writes.ts';
import { type Scenario, scenario, THERE_AND_BACK } from '../../support/scenario.ts';
import {
  AFTER_COMMIT,
  expectEnd,
  expectOnlyRecord,
  other,
  PARTS,
  type Part,
  resumed,
  type StruckEnd,
  struckMove,
} from '../../support/struck-move.ts';

const { FAULT, PART } = process.env;
const PARTS_OF_MOVE: readonly Part[] = ['prepare', 'freeze', 'switch', 'finalize'];
const FROM: Context = 'east';
const TO = other(FROM);
/** What kubelet and controllers take to end what they have to. */
const SOON = { timeout: 60_000, interval: 500 };

interface Found {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
}

/** A redis in the east that is written to. */
interface Stage {
  readonly pod: string;
  /** As kubectl names it. */
  readonly owner?: string;
  readonly load: Load<RedisSummary>;
}

async function bare(scene: Scenario): Promise<Stage> {
  await redisWithFiles(scene, 8);
  return { pod: 'redis', load: await writingTo(scene, '2s') };
}

async function owned(scene: Scenario): Promise<Stage> {
  const { kubectl, namespace } = scene;
  await kubectl.apply(FROM, [deployment(redisPod(scene, 'redis')), service(namespace, 'redis', 6379)]);
  const [pod = ''] = await vi.waitFor(async () => {
    const names = await podsIn(scene, FROM);
    expect(names).toHaveLength(1);
    return names;
  }, SOON);
  await kubectl.ready(FROM, namespace, pod);
  return { pod, owner: 'deployment/redis', load: await writingTo(scene, '2s') };
}

/** Names of the redis pods that stay. */
async function podsIn({ kubectl, namespace }: Scenario, context: Context): Promise<string[]> {
  const { items } = await kubectl.json<{ items: Found[] }>(context, ['-n', namespace, 'pods', '-l', 'app=redis']);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
}

async function replicasOf({ kubectl, namespace }: Scenario, owner: string): Promise<number> {
  const { spec } = await kubectl.json<{ spec: { replicas: number } }>(FROM, ['-n', namespace, owner]);
  return spec.replicas;
}

/** Every redis in both clusters. */
async function everyRedis(scene: Scenario) {
  const places = await Promise.all(
    [FROM, TO].map(async (context) => (await podsIn(scene, context)).map((pod) => ({ context, pod }))),
  );
  const { kubectl, namespace } = scene;
  return Promise.all(
    places.flat().map(async ({ context, pod }) => {
      const place = { context, namespace, pod };
      return { ...place, runId: await vi.waitFor(() => redisRunId(kubectl, place), SOON) };
    }),
  );
}

/** No acknowledged write is lost, whichever redis of the owner took it, and none is in two of them. */
async function expectEveryWrite(scene: Scenario, load: Load<RedisSummary>): Promise<void> {
  const all = await everyRedis(scene);
  const summary = await load.stop();
  const accounts = await Promise.all(all.map((place) => accountForWrites(scene.kubectl, place, summary)));
  const [first, ...others] = accounts;
  if (!first) throw new Error('there is no redis');
  const lost = first.lost.filter((id) => others.every((account) => account.lost.includes(id)));
  expect(first.acknowledged).toBeGreaterThan(0);
  expect(lost).toEqual([]);
  expect(accounts.flatMap(({ twice }) => twice)).toEqual([]);
  // Each has what the others lack.
  const kept = accounts.reduce((sum, account) => sum + account.acknowledged - account.lost.length, 0);
  expect(kept).toBe(first.acknowledged);
}

/** The same process goes on, once, in that cluster; in the source are as many pods as its owner wants, which is one of these. */
async function expectOneCopy(
  scene: Scenario,
  { owner }: Stage,
  { context, runId, replicas }: { context: Context; runId: string; replicas: readonly number[] },
): Promise<void> {
  const wanted = owner === undefined ? 0 : await replicasOf(scene, owner);
  expect(replicas).toContain(wanted);
  await vi.waitFor(async () => expect(await podsIn(scene, FROM)).toHaveLength(wanted), SOON);
  const all = await everyRedis(scene);
  expect(all.filter((each) => each.context === TO)).toHaveLength(context === TO ? 1 : 0);
  expect(all.filter((each) => each.runId === runId)).toMatchObject([{ context }]);
}

/** With the source went what it had in memory: nothing is left to run, and the target’s copy goes only when somebody says so. */
async function expectNothingLeft(scene: Scenario, pod: string, { ended, id }: StruckEnd): Promise<void> {
  const { migrate } = scene;
  if (ended.code === EXIT.midway) {
    expect(await podsInTarget(scene, pod)).not.toEqual([]);
    const contexts = ['--context', FROM, '--to-context', TO];
    expect(await migrate(['resume', id, ...contexts])).toMatchObject({ code: EXIT.midway });
    expect(await podsInTarget(scene, pod)).not.toEqual([]);
    expect(await migrate(['rollback', id, '--discard-target', ...contexts])).toMatchObject({ code: 0 });
  } else await resumed(scene, { from: FROM, id, ended });
  await vi.waitFor(async () => {
    expect(await Promise.all([podsIn(scene, FROM), podsIn(scene, TO)])).toEqual([[], []]);
    expect(await podsInTarget(scene, pod)).toEqual([]);
  }, SOON);
}

/** The target pod by its name: its labels come when it runs. */
async function podsInTarget({ kubectl, namespace }: Scenario, pod: string): Promise<string[]> {
  const found = await kubectl.run(TO, ['-n', namespace, 'get', 'pod', pod, '--ignore-not-found', '-o', 'name']);
  return found.split('\n').filter(Boolean);
}

/** Nobody holds the owner any more, and what was made of it in the target is gone unless the pod is there. */
async function expectOwnerLetGo({ kubectl, namespace }: Scenario, owner: string, moved: boolean): Promise<void> {
  const labels = await kubectl.run(FROM, ['-n', namespace, 'get', owner, '-o', 'jsonpath={.metadata.labels}']);
  expect(labels).not.toContain('kubectl-migrate');
  const find = ['-n', namespace, 'get', owner, '--ignore-not-found', '-o', 'name'];
  await expect.poll(async () => (await kubectl.run(TO, find)) !== '', SOON).toBe(moved);
}

interface Case {
  readonly fault: LabFault;
  readonly part: Part;
  /** What the owner is scaled to. */
  readonly replicas?: number;
}

async function struckBySomebody(scene: Scenario, stage: Stage, { fault, part, replicas }: Case): Promise<void> {
  const { kubectl, namespace } = scene;
  const { pod, owner, load } = stage;
  const runId = await redisRunId(kubectl, { context: FROM, namespace, pod });
  const flags = ['--max-freeze', '10s'];
  const strike = { fault, when: PARTS[part], lastsMs: 0 };
  const end = await struckMove(scene, { pod, from: FROM, flags, strike });
  const { ended, id, struck } = end;
  process.stderr.write(`${fault.name}, ${part}: exit ${ended.code}\n`);
  expect(struck, 'it struck').toBe(true);
  expectEnd(fault, part, end);
  const isCommitted = AFTER_COMMIT.includes(part);
  if (isCommitted || replicas === 2) {
    await resumed(scene, { from: FROM, id, ended });
    const context = isCommitted ? TO : FROM;
    // Whether the move had taken its one from the count by then is chance.
    const late = replicas === 2 ? [1, 2] : [0];
    await expectOneCopy(scene, stage, { context, runId, replicas: isCommitted ? late : [2] });
    if (isCommitted) await expectMoreWrites(kubectl, { context, namespace, pod });
    await expectEveryWrite(scene, load);
  } else {
    if (owner === undefined) expect(ended.stderr).not.toContain('the source serves');
    await expectNothingLeft(scene, pod, end);
  }
  await expectOnlyRecord(scene, { id, pod });
  if (owner !== undefined) await expectOwnerLetGo(scene, owner, isCommitted);
}

const MEDDLED = [
  { fault: SOURCE_DELETED, stage: bare },
  ...[2, 0].map((replicas) => ({ fault: ownerScaled('deployment/redis', replicas), stage: owned, replicas })),
];

const CASES = MEDDLED.flatMap((meddled) => PARTS_OF_MOVE.map((part) => ({ ...meddled, part }))).filter(
  ({ fault, part }) => fault.name.includes(FAULT ?? '') && (PART ?? part) === part,
);

describe('one command ends a move that somebody else meddles with', () => {
  for (const { stage, ...meddled } of CASES)
    it(
      `${meddled.fault.name}, ${meddled.part}: no copy beside another, no write lost that a redis has still`,
      () =>
        scenario({ name: 'somebody', rights: THERE_AND_BACK }, async (scene) =>
          struckBySomebody(scene, await stage(scene), meddled),
        ),
      300_000,
    );
});
