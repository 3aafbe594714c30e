import { expect, it } from 'vitest';
import { asMigrateError } from '../../src/domain/errors.ts';
import { CrashWorld } from './crash.ts';

const KIND = 'a pod that nobody calls';

async function undisturbed(): Promise<unknown> {
  const world = await CrashWorld.of(KIND);
  await world.begin();
  return world.snapshot();
}

/** The commit is carried out; its answer is lost, and every request after it answered with `code`. */
async function withLostCommit(code: number) {
  const world = await CrashWorld.of(KIND);
  const { east, west } = world.clusters;
  let isOver = false;
  east.onChange((_type, object) => {
    isOver ||= object.kind === 'ConfigMap' && JSON.stringify(object).includes('committed');
  });
  east.faults.add({
    when: ({ method, body }) => method === 'PATCH' && JSON.stringify(body ?? '').includes('committed'),
    fault: { kind: 'answer-lost' },
  });
  for (const cluster of [east, west])
    cluster.faults.add({ when: () => isOver, fault: { kind: 'status', code }, times: 1_000_000 });
  const error = asMigrateError(
    await world.begin().then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );
  const running = world.program.running();
  for (const cluster of [east, west]) cluster.faults.clear();
  return { world, error, running };
}

it.each([401, 403, 404, 400])(
  'a commit whose answer is lost and whose record cannot be looked up (%i) leaves both sides stopped, and a resume goes forward',
  async (code) => {
    const { world, error, running } = await withLostCommit(code);
    expect(error).toMatchObject({ code: 'F391', outcome: 'midway' });
    expect(error.remedy).toMatch(/the record in the source cluster says.*; then: kubectl migrate resume m-test$/);
    expect(running).toEqual([]);
    await world.wait(3_600_000);
    expect(world.program.running()).toEqual([]);
    expect(await world.takeUp('resume')).toBe('moved');
    await world.wait(1000);
    expect(world.program.running()).toEqual(['target']);
    expect(world.program.twice).toEqual([]);
    expect(world.snapshot()).toEqual(await undisturbed());
  },
);
