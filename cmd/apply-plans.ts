import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import type { Json } from '../src/domain/json.ts';
import { COMMAND } from '../src/domain/names.ts';
import type { Plan } from '../src/domain/plan.ts';
import { withoutValues } from '../src/domain/withheld.ts';
import { type Drift, driftBetween, replacedObjects } from '../src/planner/drift.ts';
import { readPlans, type SavedPlan } from '../src/planner/plan-file.ts';
import { type CarriedOut, carryOut, consent } from './carry-out.ts';
import { type Composition, compose } from './context.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { type Output, output } from './output.ts';
import { makePlanFor } from './planning.ts';
import type { Streams } from './streams.ts';

export interface ApplyOptions extends ConnectionOptions, Pick<RegistryFlags, 'registry-ca'> {
  readonly filename: string;
  readonly yes: boolean;
  readonly 'force-unlock': boolean;
  readonly output?: 'json' | 'yaml' | undefined;
}

/** Checks every plan of a file against the clusters as they are, asks once, and carries them out in order. */
export async function applyPlans(options: ApplyOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const saved = readPlans(await contentOf(options.filename, streams), options.filename);
  // All of them first: a window should not end in its middle for something that could be known before.
  const plans: Plan[] = [];
  for (const plan of saved) plans.push(await withComposition(plan, options, streams, out, async (made) => made));
  await consent(plans, options, streams, out);
  const done: CarriedOut[] = [];
  for (const plan of saved) {
    done.push(
      await withComposition(plan, options, streams, out, (made, composition) =>
        carryOut(made, composition, out, { force: options['force-unlock'] }),
      ),
    );
  }
  out.results(
    done.map(({ plan, results }) => ({ plan: withoutValues(plan as unknown as Json), results })),
    () => done.map(({ fact }) => `${fact}\n`).join(''),
  );
  return 'done';
}

/** The plan as it is made now, which is the saved one in all that matters. Throws F362 when it is not. */
async function withComposition<T>(
  saved: SavedPlan,
  options: ApplyOptions,
  streams: Streams,
  out: Output,
  act: (plan: Plan, composition: Composition) => Promise<T>,
): Promise<T> {
  const contexts = {
    context: options.context ?? saved.source.context,
    'to-context': options['to-context'] ?? saved.target.context,
  };
  const composition = compose({ ...options, ...contexts }, streams, out.reporter);
  try {
    const readers = { source: composition.source.reader, target: composition.target.reader };
    const replaced = await replacedObjects(saved, readers, { signal: streams.interrupt });
    if (replaced.length > 0) throw drifted(saved, replaced);
    const request = { ...saved.request, targetNode: saved.target.node, forceUnlock: options['force-unlock'] };
    const made = await makePlanFor(request, composition, streams, saved.id);
    const drift = driftBetween(saved, made);
    if (drift.length > 0) throw drifted(saved, drift);
    return await act(made, composition);
  } finally {
    composition.close();
  }
}

function drifted(plan: SavedPlan, drift: readonly Drift[]): MigrateError {
  const { source, target } = plan;
  return new MigrateError('F362', {
    detail: [
      `plan ${plan.id} of ${source.namespace}/${source.pod}, made ${plan.createdAt}; nothing was changed`,
      ...drift.map(({ where, field, what }) => `${where}: ${field} ${what}`),
    ].join('\n'),
    remedy: `look whether that is as it should be, and make a new plan: ${COMMAND} plan pod ${source.pod} -n ${source.namespace} --context ${source.context} --to-context ${target.context} -o yaml`,
    outcome: 'locked',
  });
}

async function contentOf(file: string, streams: Streams): Promise<string> {
  if (file === '-') return text(streams.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new MigrateError('F308', {
      detail: `${file} cannot be read: ${code}`,
      remedy: 'name the file with -f, or - for standard input',
      outcome: 'usage',
      cause,
    });
  }
}
