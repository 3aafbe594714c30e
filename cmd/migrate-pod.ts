import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import type { Json } from '../src/domain/json.ts';
import type { EngineName, Plan, RouteName } from '../src/domain/plan.ts';
import { withoutValues } from '../src/domain/withheld.ts';
import { savedPlan } from '../src/planner/plan-file.ts';
import { replicasOf } from '../src/planner/replicas.ts';
import { plannedChanges, plannedWrites } from '../src/steps/planned-writes.ts';
import { type Rehearsed, rehearse } from '../src/steps/rehearsal.ts';
import { renderChanges, renderPlan, renderRehearsal } from '../src/ui/plan-view.ts';
import { bookkeepingWrites } from './bookkeeping.ts';
import { type CarriedOut, carryOut, consent } from './carry-out.ts';
import { type Composition, compose } from './context.ts';
import type { ConnectionOptions, PlaceOptions, TargetPlaceOptions } from './flags/clusters.ts';
import type { DeadlineOptions } from './flags/deadlines.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { type Output, output } from './output.ts';
import { plansFor } from './planning.ts';
import type { Streams } from './streams.ts';

export interface PodOptions
  extends DeadlineOptions,
    ConnectionOptions,
    PlaceOptions,
    TargetPlaceOptions,
    RegistryFlags {
  /** Undefined with a selector or `--all`. */
  readonly pod: string | undefined;
  readonly selector?: string | undefined;
  readonly container?: string | undefined;
  readonly 'helper-image'?: string | undefined;
  readonly 'all-replicas': boolean;
  readonly engine: EngineName | 'auto';
  readonly route: RouteName;
  readonly 'ignore-managers': boolean;
  readonly 'copy-dependencies': boolean;
  readonly overwrite: readonly string[];
  readonly hold?: string | undefined;
  readonly 'force-unlock': boolean;
  readonly 'dry-run': 'none' | 'client' | 'server';
  readonly yes: boolean;
  readonly output?: 'json' | 'yaml' | undefined;
}

/** Plans, shows, asks, moves. Yields how it ended; throws MigrateError for what went wrong. */
export async function migratePod(options: PodOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const composition = compose(options, streams, out.reporter);
  try {
    if (options['dry-run'] !== 'none') {
      const plans = await plansFor(options, composition, streams);
      return await show(plans, options['dry-run'], { composition, out, streams });
    }
    const done: CarriedOut[] = [];
    for (const pod of await podsToMove(options, composition, streams)) {
      const plans = await plansFor({ ...options, pod }, composition, streams);
      await consent(plans, options, streams, out);
      const [plan] = plans;
      if (!plan) throw new Error('a named pod has a plan');
      done.push(await carryOut(plan, composition, out, { force: options['force-unlock'] }));
    }
    out.results(
      done.map(({ plan, results }) => ({ plan: withoutValues(plan as unknown as Json), results })),
      () => done.map(({ fact }) => `${fact}\n`).join(''),
    );
    return 'done';
  } finally {
    composition.close();
  }
}

/** One pod, or those of its owner in their order: what the plan of one counts on is what the move before it has left. */
async function podsToMove(
  options: PodOptions,
  { source }: Composition,
  streams: Streams,
): Promise<readonly (string | undefined)[]> {
  const { pod } = options;
  if (pod === undefined || !options['all-replicas']) return [pod];
  const namespace = options.namespace ?? source.namespace;
  return replicasOf(source.reader, { namespace, pod }, { signal: streams.interrupt });
}

interface Showing {
  readonly composition: Composition;
  readonly out: Output;
  readonly streams: Streams;
}

/** Prints plans, for people or for a file; `server` has the API servers check every write first. Changes nothing. */
async function show(plans: readonly Plan[], how: 'client' | 'server', showing: Showing): Promise<Outcome> {
  const shown: Looked[] = [];
  for (const plan of plans) shown.push(await look(plan, how, showing));
  const { out } = showing;
  const refused = shown.flatMap(({ rehearsed }) => rehearsed.filter(({ verdict }) => verdict === 'refused'));
  if (refused.length > 0) throw wouldBeRefused(refused);
  out.results(plans.map(savedPlan), (width) => shown.map(({ text }) => text(width)).join('\n'));
  return 'done';
}

interface Looked {
  readonly text: (width: number | undefined) => string;
  readonly rehearsed: readonly Rehearsed[];
}

async function look(plan: Plan, how: 'client' | 'server', { composition, streams }: Showing): Promise<Looked> {
  const { source, target } = composition;
  const readers = { plan, source: source.reader, target: target.reader, signal: streams.interrupt };
  const writes = await plannedWrites(readers);
  const changes = await plannedChanges(readers, writes);
  const gateway = how === 'server' ? composition.dryRunGateway(plan) : undefined;
  const all = gateway ? [...writes, ...(await bookkeepingWrites(plan, readers))] : writes;
  const rehearsed = gateway ? await rehearse(plan, all, gateway, { signal: streams.interrupt }) : [];
  const text = (width: number | undefined) => {
    const checked = gateway ? renderRehearsal(plan, rehearsed, width) : '';
    return `${renderPlan(plan, width)}${renderChanges(plan, changes)}${checked}`;
  };
  return { text, rehearsed };
}

function wouldBeRefused(refused: readonly Rehearsed[]): MigrateError {
  return new MigrateError('F363', {
    detail: refused
      .map(
        ({ effect, why }) => `${effect.verb} ${effect.object.side} ${effect.object.kind} ${effect.object.name}: ${why}`,
      )
      .join('\n'),
    remedy: 'mend what the API servers name; nothing was changed',
    outcome: 'declined',
  });
}
