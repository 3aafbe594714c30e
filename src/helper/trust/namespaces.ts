import { z } from 'zod';
import type { CriuImages, Named } from './criu-image.ts';

const id = z.int().nonnegative().optional();
const ids = z.looseObject({
  ...{ pid_ns_id: id, net_ns_id: id, ipc_ns_id: id, uts_ns_id: id, mnt_ns_id: id, user_ns_id: id, time_ns_id: id },
  cgroup_ns_id: id,
});
type Ids = z.infer<typeof ids>;
const inventory = z.looseObject({ root_ids: ids });
const network = z.looseObject({ ext_key: z.string().default('') });

interface NamespaceImages {
  readonly tasks: readonly Named[];
  readonly inventories: readonly Named[];
  readonly networks: readonly Named[];
  readonly mounts: readonly string[];
}

/** In words, what a namespace of each kind separates. */
const KINDS = [
  ...[['pid_ns_id', 'PID'] as const, ['net_ns_id', 'network'] as const, ['ipc_ns_id', 'IPC'] as const],
  ...[['uts_ns_id', 'UTS'] as const, ['mnt_ns_id', 'mount'] as const, ['user_ns_id', 'user'] as const],
  ...[['time_ns_id', 'time'] as const, ['cgroup_ns_id', 'cgroup'] as const],
];

/**
 * What images say of namespaces beyond those that a container has: all tasks are in the same ones; users are the node's, and
 * mounts, PIDs, network and what else a pod has for itself are not CRIU's, which may be the node's. CRIU makes a namespace
 * wherever the numbers differ, the network's unless its image has the name of one that CRIU is given. `tasks`: images of the
 * tasks' numbers. `mounts`: names of the images of mounts. Pure.
 */
export function namespaceExcesses(
  images: CriuImages,
  { tasks, inventories, networks, mounts }: NamespaceImages,
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
  for (const kind of ['mount', 'PID', 'network', 'IPC', 'UTS'] as const)
    if (!own.includes(kind)) found.push(`no ${kind} namespace of its own`);
  const foreign = mounts.filter((name) => name !== `mountpoints-${first.mnt_ns_id}.img`);
  const given = networks.filter(({ name, data }) => {
    const [entry] = images.entries(name, data, 'netns_entry', network);
    return name === `netns-${first.net_ns_id}.img` && entry !== undefined && entry.ext_key !== '';
  });
  if (given.length === 0) found.push('a network namespace that is not the pod’s');
  const others = networks.filter((each) => !given.includes(each));
  return [
    ...found,
    ...foreign.map((name) => `${name}: a mount namespace of its own`),
    ...others.map(({ name }) => `${name}: a network namespace of its own`),
  ];
}
