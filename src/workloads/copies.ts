import { z } from 'zod';
import type { Effect } from '../domain/effect.ts';
import { MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { Plan, PlanDraft, PlannedCopy } from '../domain/plan.ts';
import { type Write, writeOf } from '../domain/write.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Resource } from '../kube/ports.ts';
import { RESOURCES } from '../kube/resources.ts';
import { refOf } from './counted-owner.ts';
import { copyOf, digestOf } from './dependencies.ts';
import type { Reading, WorkloadContext } from './workload.ts';

const KINDS: Readonly<Record<string, Resource>> = {
  ConfigMap: RESOURCES.configMap,
  Secret: RESOURCES.secret,
  ServiceAccount: RESOURCES.serviceAccount,
};

/** `mark`: of the migration that had made the object that is overwritten. */
const undoSchema = z.array(
  z.strictObject({ kind: z.string(), name: z.string(), digest: z.string().nullable(), mark: z.string().optional() }),
);

/**
 * What the way back of an overwritten object needs is kept beside it in the target: a Secret's values belong in no
 * journal. It goes when the move has ended.
 */
function keptName({ id }: { readonly id: string }, { name }: PlannedCopy): string {
  return `${id}-${name}`;
}

/** The objects that the move makes or overwrites, the way back included. Pure. */
export function copyEffects(draft: PlanDraft): Effect[] {
  return draft.copies.flatMap((copy): Effect[] => {
    const prepare = {
      step: 'dependencies',
      phase: 'prepare',
      object: refOf(draft, 'target', copy, copy.name),
    } as const;
    const kept = { ...prepare, object: refOf(draft, 'target', copy, keptName(draft, copy)) } as const;
    const said = `the source’s (sha256:${copy.digest.slice(0, 12)}), for ${copy.usedBy}`;
    if (copy.act === 'create') {
      return [
        { ...prepare, verb: 'apply', detail: said },
        { ...prepare, verb: 'delete', detail: 'way back', undoes: true },
      ];
    }
    return [
      { ...kept, verb: 'create', detail: `what ${copy.name} is now, until the move has ended` },
      { ...prepare, verb: 'apply', detail: `overwritten by ${said}` },
      { ...kept, step: 'finalize', phase: 'finalize', verb: 'delete', detail: 'not needed any more' },
    ];
  });
}

/** Digests and marks of what is there before, for the journal. Read-only. */
export async function captureCopies(context: WorkloadContext): Promise<Json> {
  return Promise.all(
    context.plan.copies.map(async (copy) => {
      const there = await readIn(context, 'target', copy, copy.name);
      const mark = there?.metadata.annotations?.[MIGRATION_ANNOTATION];
      return {
        kind: copy.kind,
        name: copy.name,
        digest: there ? digestOf(there) : null,
        ...(mark !== undefined && { mark }),
      };
    }),
  );
}

/** Makes and overwrites. Throws F344 when the source's object is not what the plan was made for any more. Idempotent. */
export async function makeCopies(context: WorkloadContext): Promise<void> {
  const { plan, gateway, signal } = context;
  for (const copy of plan.copies) {
    const resource = resourceOf(copy);
    const [here, there] = await Promise.all([
      readIn(context, 'source', copy, copy.name),
      readIn(context, 'target', copy, copy.name),
    ]);
    if (!here || digestOf(here) !== copy.digest) throw changed(copy, plan.source);
    if (copy.act === 'create' && there && !isOurs(context, there)) throw changed(copy, plan.target);
    if (copy.act === 'overwrite' && there && !isOurs(context, there)) await keep(context, copy, there);
    await gateway.apply('target', resource, marked(plan, here, copy.name), { signal, force: isForced(copy) });
  }
}

/** What `makeCopies` will send, values of Secrets included. Read-only. */
export async function copyWrites(context: Reading): Promise<Write[]> {
  const { plan } = context;
  const writes = plan.copies.map(async (copy): Promise<(Write | undefined)[]> => {
    const [here, there] = await Promise.all([
      readIn(context, 'source', copy, copy.name),
      readIn(context, 'target', copy, copy.name),
    ]);
    const write = (verb: Effect['verb'], name: string, object: KubeObject | undefined, force: boolean) => {
      const { resource: _resource, ...ref } = refIn(plan, copy, name);
      if (!object) return undefined;
      const body = marked(plan, object, name) as unknown as Json;
      return writeOf(plan, { verb, object: ref }, { form: 'object', body, ...(force && { force }) });
    };
    return [
      write('apply', copy.name, here, isForced(copy)),
      isForced(copy) ? write('create', keptName(plan, copy), there, false) : undefined,
    ];
  });
  return (await Promise.all(writes)).flat().filter((write) => write !== undefined);
}

function isForced({ act }: PlannedCopy): boolean {
  return act === 'overwrite';
}

/** An object as it is made in the target, under that name and with the mark of this migration. */
function marked(plan: Pick<PlanDraft, 'id' | 'target'>, object: KubeObject, name: string): KubeObject {
  return withMark(copyOf(object, plan.target.namespace), name, plan.id);
}

function withMark(object: KubeObject, name: string, mark: string): KubeObject {
  const annotations = { ...object.metadata.annotations, [MIGRATION_ANNOTATION]: mark };
  return { ...object, metadata: { ...object.metadata, name, annotations } };
}

/** What was kept, under its own name; without our mark, which goes as whoever applied a field applies it no more. */
function asItWas({ target }: Plan, kept: KubeObject, { name }: PlannedCopy, mark: string | undefined): KubeObject {
  const back = copyOf(kept, target.namespace);
  return mark === undefined ? { ...back, metadata: { ...back.metadata, name } } : withMark(back, name, mark);
}

async function keep(context: WorkloadContext, copy: PlannedCopy, there: KubeObject): Promise<void> {
  const { plan, gateway, signal } = context;
  const name = keptName(plan, copy);
  if (await readIn(context, 'target', copy, name)) return;
  await gateway.create('target', resourceOf(copy), marked(plan, there, name), { signal });
}

/** Takes back `makeCopies`: what was made goes, what was overwritten says again what it said. Idempotent. */
export async function removeCopies(context: WorkloadContext, undo: Json): Promise<void> {
  const { plan, gateway, signal } = context;
  const before = undoSchema.parse(undo);
  for (const copy of plan.copies) {
    const there = await readIn(context, 'target', copy, copy.name);
    const was = before.find(({ kind, name }) => kind === copy.kind && name === copy.name);
    const uid = there?.metadata.uid;
    if (copy.act === 'create') {
      if (was?.digest === null && uid !== undefined && isOurs(context, there))
        await gateway.delete(refIn(plan, copy, copy.name), { signal, uid });
      continue;
    }
    const kept = await readIn(context, 'target', copy, keptName(plan, copy));
    if (!kept) continue;
    await gateway.apply('target', resourceOf(copy), asItWas(plan, kept, copy, was?.mark), { signal, force: true });
    await forgetKept(context, copy);
  }
}

/** What was kept for the way back goes. Idempotent. */
export async function finishCopies(context: WorkloadContext): Promise<void> {
  for (const copy of context.plan.copies) if (copy.act === 'overwrite') await forgetKept(context, copy);
}

async function forgetKept({ plan, gateway, signal }: WorkloadContext, copy: PlannedCopy): Promise<void> {
  await gateway.delete(refIn(plan, copy, keptName(plan, copy)), { signal });
}

function isOurs({ plan }: WorkloadContext, object: KubeObject | undefined): boolean {
  return object?.metadata.annotations?.[MIGRATION_ANNOTATION] === plan.id;
}

function changed({ kind, name }: PlannedCopy, place: { context: string; namespace: string }): MigrateError {
  return new MigrateError('F344', {
    detail: `${kind} ${place.namespace}/${name} of ${place.context} was changed after the plan was made`,
    remedy: 'make the plan anew',
  });
}

function resourceOf({ kind }: PlannedCopy): Resource {
  const resource = KINDS[kind];
  if (!resource) throw new Error(`${kind} is no kind that is copied`);
  return resource;
}

function refIn({ target: { namespace } }: Pick<PlanDraft, 'target'>, copy: PlannedCopy, name: string) {
  const resource = resourceOf(copy);
  const { apiVersion, kind } = resource;
  return { side: 'target', apiVersion, kind, namespace, name, resource } as const;
}

function readIn(context: Reading, side: 'source' | 'target', copy: PlannedCopy, name: string) {
  const { plan, signal } = context;
  return context[side].get<KubeObject>(resourceOf(copy), name, { namespace: plan[side].namespace, signal });
}
