import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import type { Json } from '../src/domain/json.ts';
import { newMigrationId } from '../src/domain/names.ts';
import type { EngineName, MigrationRequest, Plan, RouteName } from '../src/domain/plan.ts';
import { gatherFacts } from '../src/planner/facts.ts';
import { makePlan } from '../src/planner/make-plan.ts';
import { run } from '../src/runner/run.ts';
import { STEPS } from '../src/steps/index.ts';
import { seconds } from '../src/ui/format.ts';
import { renderPlan } from '../src/ui/plan-view.ts';
import { type Composition, compose } from './context.ts';
import type { ConnectionOptions, PlaceOptions, TargetPlaceOptions } from './flags/clusters.ts';
import { type DeadlineOptions, toDeadlines } from './flags/deadlines.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

export interface PodOptions extends DeadlineOptions, ConnectionOptions, PlaceOptions, TargetPlaceOptions {
  readonly pod: string;
  readonly 'helper-image'?: string | undefined;
  readonly engine: EngineName;
  readonly route: RouteName;
  readonly 'ignore-managers': boolean;
  readonly 'copy-dependencies': boolean;
  readonly overwrite: readonly string[];
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
    const plan = await planPod(options, composition, streams);
    if (options['dry-run'] !== 'none') {
      out.result(plan, () => renderPlan(plan));
      return 'done';
    }
    await consent(plan, options, streams, composition);
    const session = await composition.begin(plan, options['force-unlock']);
    const results = await run({ steps: STEPS, ...session });
    const downMs = results.switch?.downMs ?? 0;
    const fact = lastLine(plan, downMs);
    if (options.output !== undefined) out.reporter.notify({ code: 'I409', text: fact, data: { downMs } });
    out.result({ plan, results }, () => `${fact}\n`);
    return 'done';
  } finally {
    composition.close();
  }
}

async function planPod(options: PodOptions, { source, target }: Composition, streams: Streams): Promise<Plan> {
  const namespace = options.namespace ?? source.namespace;
  const helperImage = options['helper-image'] ?? streams.env['KUBECTL_MIGRATE_HELPER_IMAGE'];
  const request: MigrationRequest = {
    pod: options.pod,
    namespace,
    targetNamespace: options['to-namespace'] ?? namespace,
    ...(options['to-node'] !== undefined && { targetNode: options['to-node'] }),
    engine: options.engine,
    route: options.route,
    ...(helperImage && { helperImage }),
    ignoreManagers: options['ignore-managers'],
    copyDependencies: options['copy-dependencies'],
    overwrite: options.overwrite,
    forceUnlock: options['force-unlock'],
    deadlines: toDeadlines(options),
  };
  const signal = streams.interrupt;
  const facts = await gatherFacts(request, source.reader, target.reader, signal);
  return makePlan(facts, { id: newMigrationId(), createdAt: new Date().toISOString(), steps: STEPS, signal });
}

/** Confirming the plan covers all that the plan shows, the removal of the source included. */
async function consent(plan: Plan, options: PodOptions, streams: Streams, { reporter }: Composition): Promise<void> {
  if (options.output === undefined) streams.stderr.write(renderPlan(plan));
  else reporter.notify({ code: 'I401', text: `plan ${plan.id} made`, data: plan as unknown as Json });
  if (options.yes) return;
  if (await reporter.ask({ text: `Move ${plan.source.namespace}/${plan.source.pod} now?` })) return;
  throw new MigrateError('F304', {
    detail: 'nothing was changed',
    remedy: 'run the command again when you are ready',
    outcome: 'declined',
  });
}

function lastLine({ source, target }: Plan, downMs: number): string {
  return `${source.pod} serves from ${target.context}/${target.node}. Down ${seconds(downMs)}.`;
}
