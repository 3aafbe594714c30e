import { refused } from '../../archive/checkpoint-archive.ts';
import { HelperFailure } from '../../helper/failure.ts';
import type { Granted } from '../../helper/trust/credentials.ts';
import { CriuImages, type Named } from '../../helper/trust/criu-image.ts';
import { descriptorExcesses } from '../../helper/trust/descriptors.ts';
import { coreExcesses, policyExcesses } from '../../helper/trust/guard.ts';
import { grantedMounts, type MountRules, mountExcesses } from '../../helper/trust/mounts.ts';
import { namespaceExcesses } from '../../helper/trust/namespaces.ts';
import { TRACKED, trackedExcesses } from '../../helper/trust/tracked.ts';
import type { StartedMount } from '../engine.ts';
import { cgroupExcesses } from './cgroups.ts';
import definitions from './criu/definitions.json' with { type: 'json' };

/** What a runtime mounts over files of /proc and /sys, and the name by which it tells CRIU of it. */
const MASK = { key: '/dev/null', root: '/null', over: /^\/(?:proc|sys)\// };
/**
 * The runtime has CRIU make all but what it binds there itself, volumes and masks of files; and it knows of no mount that the
 * container had not.
 */
const BY_RUNTIME: MountRules = {
  originOf: ({ mountpoint, root, ext_key }) => {
    if (ext_key === undefined) return 'made';
    if (ext_key === MASK.key) return root === MASK.root && MASK.over.test(mountpoint) ? 'bound' : undefined;
    return ext_key === mountpoint && mountpoint !== '/' ? 'bound' : undefined;
  },
  isNeeded: () => true,
};
/** containerd lets everybody in a pod bind to any port (`enable_unprivileged_ports`), unless it is told otherwise. */
const anyPort = () => 0;
/** So many differences are told. */
const TOLD = 5;

let loaded: CriuImages | undefined;

function criuImages(): CriuImages {
  loaded ??= new CriuImages(JSON.stringify(definitions));
  return loaded;
}

/**
 * Compares the process image in an archive with what the target's pod grants, and its mounts with those that the container
 * had: CRIU takes user, capabilities, seccomp, namespaces and mounts from there and asks nobody. Throws F347. Pure.
 */
export function guardArchive(images: readonly Named[], granted: Granted, mounts: readonly StartedMount[]): void {
  const named = (pattern: RegExp) => images.filter(({ name }) => pattern.test(name));
  const [cores, trees] = [named(/^core-/), named(/^mountpoints-/)];
  if (cores.length === 0) throw refused('it has no process');
  if (trees.length !== 1) throw refused(`it has ${trees.length} tables of mounts`);
  const found = seen(() => [
    ...namespaceExcesses(criuImages(), {
      ...{ tasks: named(/^ids-/), inventories: named(/^inventory/), networks: named(/^netns-\d/) },
      mounts: trees.map(({ name }) => name),
    }),
    ...coreExcesses(criuImages(), { cores, seccomp: named(/^seccomp/)[0], tree: named(/^pstree/)[0] }, granted),
    ...policyExcesses(named(/^apparmor\.img$/)[0]),
    ...trackedExcesses(named(TRACKED)),
    ...cgroupExcesses(criuImages(), named(/^cgroup\.img$/)[0]),
    ...descriptorExcesses(criuImages(), named(/^files\.img$/)[0], granted, anyPort),
    ...trees.flatMap((tree) => mountExcesses(criuImages(), tree, grantedMounts(mounts), BY_RUNTIME)),
  ]);
  if (found.length === 0) return;
  const more = found.length > TOLD ? ` and ${found.length - TOLD} more` : '';
  throw refused(`it asks for more than the pod allows: ${found.slice(0, TOLD).join('; ')}${more}`);
}

/** Reads a sample of each image, which the first time takes long: ahead of the freeze. Idempotent. */
export function rehearseArchiveGuard(granted: Granted): void {
  const sample = (message: string): Named => ({ name: 'sample', data: criuImages().sample(message) });
  const cores = [sample('core_entry')];
  coreExcesses(criuImages(), { cores, seccomp: sample('seccomp_entry'), tree: sample('pstree_entry') }, granted);
  descriptorExcesses(criuImages(), sample('file_entry'), granted, anyPort);
  cgroupExcesses(criuImages(), sample('cgroup_entry'));
  mountExcesses(criuImages(), sample('mnt_entry'), grantedMounts([]), BY_RUNTIME);
  const [tasks, inventories] = [[sample('task_kobj_ids_entry')], [sample('inventory_entry')]];
  namespaceExcesses(criuImages(), { tasks, inventories, networks: [sample('netns_entry')], mounts: [] });
}

function seen(look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    if (error instanceof HelperFailure) throw refused(`${error.message}: ${error.detail.slice(0, 200)}`);
    throw error;
  }
}
