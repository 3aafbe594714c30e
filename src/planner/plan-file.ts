import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import { COMMAND } from '../domain/names.ts';
import { type Deadlines, ENGINES, type MigrationRequest, PLAN_SCHEMA, type Plan, ROUTES } from '../domain/plan.ts';
import { yamlDocuments } from '../kube/yaml.ts';

/** A plan as it lies in a file: with a digest over all the rest, so that a change by hand is seen. */
export type SavedPlan = Plan & { readonly digest: string };

const deadline = z.int().positive();
/** Every field of a request: one that is forgotten here does not compile. */
const requestSchema = z.strictObject({
  pod: z.string().min(1),
  container: z.string().min(1).exactOptional(),
  namespace: z.string().min(1),
  targetNamespace: z.string().min(1),
  targetNode: z.string().min(1).exactOptional(),
  targetNodeSelector: z.string().min(1).exactOptional(),
  targetName: z.string().min(1).exactOptional(),
  engine: z.enum(['auto', ...ENGINES]),
  route: z.enum(ROUTES),
  helperImage: z.string().min(1).exactOptional(),
  registry: z.string().min(1).exactOptional(),
  forceUnlock: z.boolean().exactOptional(),
  ignoreManagers: z.boolean(),
  copyDependencies: z.boolean(),
  overwrite: z.array(z.string()),
  hold: deadline.exactOptional(),
  deadlines: z.strictObject({
    helperTimeout: deadline,
    placeholderTimeout: deadline,
    copyTimeout: deadline,
    maxFreeze: deadline,
    readyTimeout: deadline,
    removeTimeout: deadline,
  } satisfies Record<keyof Deadlines, z.ZodType>),
} satisfies Record<keyof MigrationRequest, z.ZodType>);

/** What apply reads of a plan itself; everything else it only compares with a plan made anew. */
const planSchema = z.looseObject({
  schema: z.literal(PLAN_SCHEMA),
  id: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/),
  createdAt: z.string(),
  request: requestSchema,
  source: z.looseObject({ context: z.string(), namespace: z.string(), pod: z.string() }),
  target: z.looseObject({ context: z.string(), node: z.string() }),
  effects: z.array(z.looseObject({ step: z.string() })),
  reliedOn: z.array(
    z.strictObject({
      object: z.strictObject({
        side: z.enum(['source', 'target']),
        apiVersion: z.string(),
        kind: z.string(),
        namespace: z.string().exactOptional(),
        name: z.string(),
      }),
      uid: z.string().nullable(),
      fields: z.record(z.string(), z.string()),
    }),
  ),
  digest: z.string(),
});

/** The plan with its digest, as it is printed for a file. Pure. */
export function savedPlan(plan: Plan): SavedPlan {
  return { ...plan, digest: digestOf(plan as unknown as Json) };
}

/**
 * The plans of a file, in its order: YAML documents, or JSON. Throws F308 for what is no plan, a plan of another version of
 * this program, and one that was changed after it was made. `name` is that of the file.
 */
export function readPlans(text: string, name: string): SavedPlan[] {
  const documents = yamlDocuments(text);
  if (documents.length === 0) throw unusable(`${name} is empty`);
  const plans = documents.flatMap((document, index) => {
    const where = documents.length === 1 ? name : `document ${index + 1} of ${name}`;
    if ('broken' in document) throw unusable(`${where} is not YAML: ${document.broken}`);
    // Several plans in JSON come as a list of them.
    const list = Array.isArray(document.value) ? document.value : [document.value];
    return list.map((each) => readPlan(each, where));
  });
  if (plans.length === 0) throw unusable(`${name} holds no plan`);
  return plans;
}

function readPlan(value: unknown, where: string): SavedPlan {
  const version = z.looseObject({ schema: z.string() }).safeParse(value);
  if (version.success && version.data.schema !== PLAN_SCHEMA) {
    throw unusable(`${where} has the schema ${version.data.schema}, this program knows ${PLAN_SCHEMA}`);
  }
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.join('.') || 'document'}: ${message}`);
    throw unusable(`${where} is not a plan: ${issues.join('; ')}`);
  }
  const { digest, ...plan } = value as SavedPlan;
  if (digestOf(plan as unknown as Json) !== digest) {
    throw unusable(`${where} was changed after it was made: its digest does not fit`);
  }
  return value as SavedPlan;
}

function digestOf(plan: Json): string {
  return `sha256:${createHash('sha256').update(canonicalJson(plan)).digest('hex')}`;
}

function unusable(detail: string): MigrateError {
  return new MigrateError('F308', {
    detail,
    remedy: `make it anew: ${COMMAND} plan pod NAME … -o yaml > window.yaml; a plan is never edited, flags say what it should do`,
    outcome: 'usage',
  });
}
