import { z } from 'zod';
import type { CriuImages, Named } from './criu-image.ts';

const id = z.int().nonnegative().optional();
const ids = z.looseObject({
  ...{ pid_ns_id: id, net_ns_id: id, ipc_ns_id: id, uts_ns_id: id, mnt_ns_id: id, user_ns_id: id, time_ns_id: id },
});
type Ids = z.infer<typeof ids>;
const inventory = z.looseObject({ root_ids: ids });

/** In words, what a namespace of each kind separates. */
const KINDS = [
  ...[['pid_ns_id', 'PID'] as const, ['net_ns_id', 'network'] as const, ['ipc_ns_id', 'IPC'] as const],
  ...[['uts_ns_id', 'UTS'] as const, ['mnt_ns_id', 'mount'] as const, ['user_ns_id', 'user'] as const],
  ['time_ns_id', 'time'] as const,
];

/**
 * What images say of namespaces beyond those that a container has: all tasks are in the same ones; mounts and PIDs are their
 * own, or they would see CRIU's; users are the node's. CRIU makes a namespace wherever the numbers differ. `tasks`: images
 * of the tasks' numbers. `mounts`: names of the images of mounts. Pure.
 */
export function namespaceExcesses(
  images: CriuImages,
  { tasks, inventories, mounts }: { tasks: readonly Named[]; inventories: readonly Named[]; mounts: readonly string[] },
): string[] {
  const all = tasks.flatMap(({ name, data }) =>
    images.entries(name, data, 'task_kobj_ids_entry', ids).map((each) => ({ name, each })),
  );
  const outside = inventories.flatMap(({ name, data }) => images.entries(name, data, 'inventory_entry', inventory))[0];
  const first = all[0]?.each;
  if (!first || !outside) return ['no namespaces are named'];
  const differs = (a: Ids, b: Ids) => KINDS.filter(([kind]) => a[kind] !== b[kind]).map(([, name]) => name);
  const found = all.flatMap(({ name, each }) =>
    differs(each, first).map((kind) => `${name}: a ${kind} namespace of its own`),
  );
  const own = differs(first, outside.root_ids);
  if (own.includes('user')) found.push('a user namespace of its own');
  for (const kind of ['mount', 'PID'] as const) if (!own.includes(kind)) found.push(`no ${kind} namespace of its own`);
  const foreign = mounts.filter((name) => name !== `mountpoints-${first.mnt_ns_id}.img`);
  return [...found, ...foreign.map((name) => `${name}: a mount namespace of its own`)];
}
