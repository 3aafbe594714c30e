import { expect } from 'vitest';
import type { Context, Kubectl } from './kubectl.ts';
import type { RedisSummary } from './load-client.ts';

export interface WriteAccount {
  readonly acknowledged: number;
  /** Ids of writes that redis acknowledged and does not have. */
  readonly lost: readonly string[];
  /** Ids of writes that redis has more than once. */
  readonly twice: readonly string[];
}

interface Place {
  readonly context: Context;
  readonly namespace: string;
  readonly pod: string;
}

function inside(kubectl: Kubectl, { context, namespace, pod }: Place, words: readonly string[]): Promise<string> {
  return kubectl.run(context, ['-n', namespace, 'exec', pod, '-c', 'main', '--', 'redis-cli', ...words]);
}

/** A number that a redis makes when it starts: as long as it is the same, its memory is. */
export async function redisRunId(kubectl: Kubectl, place: Place): Promise<string> {
  return /^run_id:(\w+)/m.exec(await inside(kubectl, place, ['INFO', 'server']))?.[1] ?? '';
}

/** How long a client that has lost its redis may be without it once that is reached again, in ms. */
const FOUND_MS = 60_000;

/** Waits until redis has taken one more write than by now: its client has found it. */
export async function expectMoreWrites(kubectl: Kubectl, place: Place): Promise<void> {
  const count = async () => Number(await inside(kubectl, place, ['LLEN', 'log']));
  const before = await count();
  const why = `writes come in ${place.context}`;
  await expect.poll(count, { message: why, timeout: FOUND_MS, interval: 100 }).toBeGreaterThan(before);
}

/** Holds what the client was told against what redis has. */
export async function accountForWrites(kubectl: Kubectl, place: Place, summary: RedisSummary): Promise<WriteAccount> {
  const list = await inside(kubectl, place, ['LRANGE', 'log', '0', '-1']);
  const counts = new Map<string, number>();
  for (const id of list.split('\n').filter(Boolean)) counts.set(id, (counts.get(id) ?? 0) + 1);
  const acknowledged = summary.acknowledgedRanges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, offset) => `${summary.id}-${first + offset}`),
  );
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !counts.has(id)),
    twice: [...counts].filter(([, count]) => count > 1).map(([id]) => id),
  };
}
