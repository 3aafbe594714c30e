import { isMigrateError, MigrateError, type Outcome } from '../src/domain/errors.ts';
import { blocking, FINDINGS, type Finding, type FindingCode, FROM_THE_NODES } from '../src/domain/finding.ts';
import type { Json } from '../src/domain/json.ts';
import type { Plan } from '../src/domain/plan.ts';
import { withoutValues } from '../src/domain/withheld.ts';
import type { Pod } from '../src/kube/objects.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import type { Candidate } from '../src/planner/checks/placement.ts';
import { surveyNodes } from '../src/planner/survey.ts';
import { lookAround } from '../src/runner/look.ts';
import { LOOKING, lookingPlan } from '../src/steps/looking.ts';
import { renderFinding } from '../src/ui/finding-view.ts';
import { renderEffects } from '../src/ui/plan-view.ts';
import { columns } from '../src/ui/table.ts';
import { type Composition, compose } from './context.ts';
import { structured } from './flags/output.ts';
import type { PodOptions } from './migrate-pod.ts';
import { type Output, output } from './output.ts';
import { plansFor } from './planning.ts';
import type { Streams } from './streams.ts';

export type CheckOptions = Omit<PodOptions, 'output'> & {
  readonly output: 'table' | 'json' | 'yaml';
  readonly probe: boolean;
};

/** Prints every finding about a move of the pod, and each node of the target with a verdict. Reads only, unless told to probe. */
export async function checkPod(options: CheckOptions, streams: Streams): Promise<Outcome> {
  const form = structured(options.output);
  const out = output(form, streams);
  const given: PodOptions = { ...options, output: form };
  const composition = compose(options, streams, out.reporter);
  try {
    const [{ plan, findings: known }, candidates] = await Promise.all([
      judge(given, composition, streams),
      judgeNodesFor(given, composition, streams),
    ]);
    // What the API servers rule out needs no look from the nodes.
    const seen = plan && options.probe ? await askNodes(plan, given, { composition, out, streams }) : undefined;
    const findings = [...known, ...(seen ?? [])];
    const nodes: readonly Verdict[] = seen && plan ? candidates.map((each) => withSeen(each, plan, seen)) : candidates;
    const movable = plan !== undefined && blocking(findings).length === 0;
    const needProbe = seen ? [] : FROM_THE_NODES.map((code) => ({ code, title: FINDINGS[code] }));
    out.result(
      { movable, findings, needProbe, nodes, ...(plan && { forecast: plan.forecast, node: plan.target.node }) },
      (width) => render(given, { plan, movable, probed: seen !== undefined, findings, nodes }, width),
    );
    return movable ? 'done' : 'declined';
  } finally {
    composition.close();
  }
}

interface Judged {
  readonly plan: Plan | undefined;
  readonly findings: readonly Finding[];
}

/** Asks the source's node and the one that the plan chose, by helper pods that are made and removed again. */
async function askNodes(
  plan: Plan,
  { yes, output: form }: PodOptions,
  { composition, out, streams }: { composition: Composition; out: Output; streams: Streams },
): Promise<readonly Finding[]> {
  const looking = lookingPlan(plan);
  const { source, target } = plan;
  const nodes = `${source.context}/${source.node} and ${target.context}/${target.node}`;
  if (form === undefined)
    streams.stderr.write(out.readable((width) => `To ask ${nodes}:\n${renderEffects(looking, width)}`));
  else out.event({ code: 'I401', text: `plan ${plan.id} made`, data: withoutValues(looking as unknown as Json) });
  if (!yes && !(await out.reporter.ask({ text: `Ask ${nodes} now?` }))) throw notAsked();
  const session = await composition.begin(looking, false, 'check');
  const { probe } = await session.onTheRecord('check', () => lookAround({ steps: LOOKING, ...session }));
  return probe?.findings ?? [];
}

function notAsked(): MigrateError {
  return new MigrateError('F304', {
    detail: 'nothing was changed, and the nodes were not asked',
    remedy: 'run the command again when you are ready, or without --probe',
    outcome: 'declined',
  });
}

/** A refusal is the answer here, not a failure. */
async function judge(options: PodOptions, composition: Composition, streams: Streams): Promise<Judged> {
  try {
    const [plan] = await plansFor(options, composition, streams);
    return { plan, findings: plan?.warnings ?? [] };
  } catch (error) {
    if (!isMigrateError(error) || error.findings.length === 0) throw error;
    return { plan: undefined, findings: error.findings };
  }
}

/** None where the pod, or the right to see nodes, is missing: the findings tell about that. */
async function judgeNodesFor(
  options: PodOptions,
  { source, target }: Composition,
  streams: Streams,
): Promise<Candidate[]> {
  const read = { signal: streams.interrupt };
  const namespace = options.namespace ?? source.namespace;
  try {
    const pod = await source.reader.get<Pod>(RESOURCES.pod, options.pod ?? '', { ...read, namespace });
    return pod ? await surveyNodes(pod, source.reader, target.reader, read) : [];
  } catch (error) {
    if (isMigrateError(error) && error.outcome !== 'interrupted') return [];
    throw error;
  }
}

/** What the nodes say of one another; the other findings hold wherever the pod goes. */
const ABOUT_NODES: readonly FindingCode[] = ['E130', 'E131', 'E133', 'E151'];

/** `asked`: the node itself was. */
type Verdict = Candidate & { readonly asked?: true };

function withSeen(candidate: Candidate, plan: Plan, seen: readonly Finding[]): Verdict {
  if (candidate.node !== plan.target.node) return candidate;
  const about = blocking(seen).filter(({ code }) => ABOUT_NODES.includes(code));
  return { ...candidate, asked: true, reasons: [...candidate.reasons, ...about.map(({ what }) => what)] };
}

interface Shown extends Judged {
  readonly movable: boolean;
  readonly probed: boolean;
  readonly nodes: readonly Verdict[];
}

function render(
  { pod }: PodOptions,
  { plan, movable, probed, findings, nodes }: Shown,
  width: number | undefined,
): string {
  const against = blocking(findings).length;
  const count = `${against} ${against === 1 ? 'reason' : 'reasons'} against it`;
  const head =
    plan && movable
      ? `${pod} can be moved, to ${plan.target.context}/${plan.target.node} for instance\n`
      : `${pod} cannot be moved: ${count}\n`;
  const rows = nodes.map(({ node, reasons, asked }) => [
    node,
    reasons.length === 0 ? '✓ fits' : '✗ no',
    [...(asked ? ['asked'] : []), ...reasons].join(', '),
  ]);
  const table = rows.length === 0 ? '' : columns(rows, ['NODE', 'VERDICT', 'WHY'], width);
  const unseen = FROM_THE_NODES.map((code) => `${code} ${FINDINGS[code]}`).join(', ');
  const probe = `Only the nodes can tell, which a move asks before its freeze, and --probe now: ${unseen}\n`;
  return [head, ...findings.map((each) => renderFinding(each, width)), table, ...(plan && !probed ? [probe] : [])].join(
    '',
  );
}
