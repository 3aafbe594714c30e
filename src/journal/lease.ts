import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import { COMMAND, LOCK_MS, MANAGED_BY, MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { PlanDraft } from '../domain/plan.ts';
import { type ObjectRef, SIDES } from '../domain/refs.ts';
import type { Lease } from '../kube/objects.ts';
import { RESOURCES } from '../kube/resources.ts';

const PREFIX = 'kubectl-migrate.io';
/** On a Lease, see `LockHolder.lapsed`. */
export const LAPSED_ANNOTATION = `${PREFIX}/lapsed`;
const NAME_LIMIT = 253;

/** Who is at work on a migration, and with which command. */
export interface Worker {
  /** The command: `pod`, `resume`. */
  readonly operation: string;
  readonly user: string;
  readonly host: string;
  readonly version: string;
}

/** What a Lease says: the migration that has the pod, and who is at work on it. */
export interface LockHolder extends Worker {
  readonly migration: string;
  /** The process at work; undefined when it ended and the migration did not. */
  readonly process: string | undefined;
  /** RFC 3339, when that process took it. */
  readonly since: string;
  /** RFC 3339, when it was last heard of. */
  readonly renewed: string;
  /** Whoever took the migration up once found this lock gone, or with another migration. */
  readonly lapsed?: true;
}

/** The two places that a migration keeps to itself. */
export interface LockPlaces {
  readonly source: { readonly namespace: string; readonly pod: string };
  readonly target: { readonly namespace: string; readonly pod: string };
  readonly helper: { readonly namespace: string };
  readonly oneCluster: boolean;
}

export type LeaseRef = ObjectRef & { readonly namespace: string; readonly resource: typeof RESOURCES.lease };

/**
 * The Leases that keep a pod's place to one migration: one in each cluster, named after the pod there. One in all where
 * both places have the same name in the same cluster. Pure.
 */
export function leaseRefs(plan: LockPlaces): LeaseRef[] {
  const refs = SIDES.map((side): LeaseRef => {
    const { namespace, pod } = plan[side];
    const { apiVersion, kind } = RESOURCES.lease;
    return {
      side,
      apiVersion,
      kind,
      namespace: plan.helper.namespace,
      name: leaseName(namespace, pod),
      resource: RESOURCES.lease,
    };
  });
  return plan.oneCluster
    ? refs.filter(({ name }, index) => refs.findIndex((ref) => ref.name === name) === index)
    : refs;
}

/** No namespace has a dot in its name, so that no two pods share a Lease. Pure. */
export function leaseName(namespace: string, pod: string): string {
  const name = `pod.${namespace}.${pod}`;
  if (name.length <= NAME_LIMIT) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_LIMIT - digest.length - 1).replace(/[-.]+$/, '')}-${digest}`;
}

/** What a plan must declare for its locks. Pure. */
export function lockEffects(plan: PlanDraft): Effect[] {
  return leaseRefs(plan).flatMap(({ resource: _resource, ...object }): Effect[] => [
    { step: 'lock', phase: 'prepare', verb: 'create', object, detail: 'keeps other migrations off' },
    { step: 'lock', phase: 'prepare', verb: 'patch', object, detail: 'renewed while this goes on' },
    { step: 'lock', phase: 'finalize', verb: 'delete', object, detail: 'no longer needed' },
  ]);
}

const field = z.string().catch('');
const leaseSchema = z.looseObject({
  metadata: z.looseObject({
    labels: z.record(z.string(), z.string()).catch({}),
    annotations: z.record(z.string(), z.string()).catch({}),
  }),
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      acquireTime: field,
      renewTime: field,
    })
    .catch({ holderIdentity: undefined, acquireTime: '', renewTime: '' }),
});

/** Reads a Lease, also one that somebody has changed: what cannot be read is empty. Pure. */
export function holderOf(lease: Lease): LockHolder {
  const { metadata, spec } = leaseSchema.parse(lease);
  const note = (name: keyof Worker) => metadata.annotations[`${PREFIX}/${name}`] ?? '';
  return {
    migration: metadata.labels[MIGRATION_ANNOTATION] ?? '',
    process: spec.holderIdentity || undefined,
    operation: note('operation'),
    user: note('user'),
    host: note('host'),
    version: note('version'),
    since: spec.acquireTime,
    renewed: spec.renewTime,
    ...(metadata.annotations[LAPSED_ANNOTATION] !== undefined && { lapsed: true }),
  };
}

/** A Lease, or what a takeover changes of one. Pure. */
export function leaseFor(ref: LeaseRef, holder: Omit<LockHolder, 'since' | 'renewed' | 'lapsed'>, now: number): Lease {
  const { migration, process, operation, user, host, version } = holder;
  const notes = Object.entries({ operation, user, host, version }).map(([name, value]) => [`${PREFIX}/${name}`, value]);
  return {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: {
      name: ref.name,
      namespace: ref.namespace,
      labels: { ...MANAGED_BY, [MIGRATION_ANNOTATION]: migration },
      annotations: Object.fromEntries(notes) as Record<string, string>,
    },
    spec: {
      holderIdentity: process ?? null,
      leaseDurationSeconds: LOCK_MS / 1000,
      acquireTime: microTime(now),
      renewTime: microTime(now),
    },
  };
}

/** As metav1.MicroTime is parsed: six digits after the point, no more and no less. Pure. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** F370: who has the pod, since when, and what to do about it. Pure. */
export function heldBy(holder: LockHolder, ref: { readonly name: string }, context: string, now: number): MigrateError {
  const { migration, process, user, host, operation, version, since, renewed } = holder;
  const silentMs = now - Date.parse(renewed);
  const heard = `last heard of ${Math.max(0, Math.round(silentMs / 1000))} s ago`;
  const who = process === undefined ? 'nobody is at work on it now' : `${user} on ${host} is at work on it, ${heard}`;
  const quiet = process === undefined || !(silentMs < LOCK_MS);
  const end = `bring it to an end with ${COMMAND} resume ${migration} or ${COMMAND} rollback ${migration}`;
  return new MigrateError('F370', {
    detail: `lease ${ref.name} of ${context}: migration ${migration} has it since ${since} (${operation}, version ${version}); ${who}`,
    remedy: quiet
      ? `${end}; only if nothing is known of it any more, take its place with --force-unlock`
      : `wait until it ends, and see how far it is with ${COMMAND} status ${migration}`,
    outcome: 'locked',
  });
}
