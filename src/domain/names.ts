import type { Side } from './refs.ts';

/** The plugin's name, as Krew lists it and as it is typed after `kubectl`. Everything that names the program follows. */
export const PLUGIN = 'migrate';
/** What users type; every hint that tells a command begins with it. */
export const COMMAND = `kubectl ${PLUGIN}` as const;
/** File name under which kubectl finds the plugin, without `.exe`: it has underscores for the dashes of the name. */
export const PROGRAM = `kubectl-${PLUGIN.replaceAll('-', '_')}`;

/** Namespace of helper pods and journals in both clusters. */
export const SYSTEM_NAMESPACE = 'kubectl-migrate';
/** The one container of a helper pod. */
export const HELPER_CONTAINER = 'helper';

/** A holder of a migration’s lock that was not heard of for so long counts as gone, in ms. */
export const LOCK_MS = 10_000;

/** Label of what is made for the program itself: its namespaces, helper pods, records and locks. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'kubectl-migrate' } as const;
/** On every segment of an audit record, which carries {@link MANAGED_BY} as well. */
export const AUDIT_LABEL = 'kubectl-migrate.io/audit';
/** Selects what carries {@link MANAGED_BY}. */
export const MANAGED_BY_SELECTOR = Object.entries(MANAGED_BY)
  .map(([key, value]) => `${key}=${value}`)
  .join(',');

/**
 * Annotation with the migration that made an object, or changed it so that it has to be changed back. On objects that are
 * looked for by it (helper pods, locks) it is a label.
 */
export const MIGRATION_ANNOTATION = 'kubectl-migrate.io/migration';

/**
 * Labels on an owner: the migration that holds it, and the one that has changed how many pods it wants, so that this
 * is done once however often it is tried. Labels, because a Deployment's annotations are copied to its ReplicaSet.
 */
export const HELD_LABEL = 'kubectl-migrate.io/migration';
export const COUNTED_LABEL = 'kubectl-migrate.io/counted';

/** Name of the helper pod of one side of a migration. */
export function helperPodName(migration: string, side: Side): string {
  return `helper-${migration}-${side}`;
}

/** Whether a word can be the id of a migration: used in file names and object names, hence this narrow. Pure. */
export function isMigrationId(value: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/.test(value);
}

/** Name of the throw-away pod in which the restore of a pod is rehearsed. */
export function rehearsalPodName(pod: string, migration: string): string {
  return `${pod.slice(0, 230)}-rehearsal-${migration}`;
}

const LETTERS = 'bcdfghjkmnpqrstvwxz23456789';

/** A short id for a migration: `m-7f3kq`, without vowels and easily confused letters. `random` yields [0, 1). */
export function newMigrationId(random: () => number = Math.random): string {
  const letters = Array.from({ length: 6 }, () => LETTERS[Math.floor(random() * LETTERS.length)]);
  return `m-${letters.join('')}`;
}
