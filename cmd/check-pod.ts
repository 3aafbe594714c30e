import { isMigrateError, type Outcome } from '../src/domain/errors.ts';
import { FINDINGS, type Finding, FROM_THE_NODES } from '../src/domain/finding.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { Pod } from '../src/kube/objects.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import type { Candidate } from '../src/planner/checks/placement.ts';
import { surveyNodes } from '../src/planner/survey.ts';
import { renderFinding } from '../src/ui/finding-view.ts';
import { columns } from '../src/ui/table.ts';
import { type Composition, compose } from './context.ts';
import { structured } from './flags/output.ts';
import type { PodOptions } from './migrate-pod.ts';
import { output } from './output.ts';
import { plansFor } from './planning.ts';
import type { Streams } from './streams.ts';

export type CheckOptions = Omit<PodOptions, 'output'> & { readonly output: 'table' | 'json' | 'yaml' };

/** Prints every finding about a move of the pod, and each node of the target with a verdict. Reads only. */
export async function checkPod(options: CheckOptions, streams: Streams): Promise<Outcome> {
  const form = structured(options.output);
  const out = output(form, streams);
  const given: PodOptions = { ...options, output: form };
  const composition = compose(options, streams, out.reporter);
  try {
    const [{ plan, findings }, nodes] = await Promise.all([
      judge(given, composition, streams),
      judgeNodesFor(given, composition, streams),
    ]);
    const movable = plan !== undefined;
    const needProbe = FROM_THE_NODES.map((code) => ({ code, title: FINDINGS[code] }));
    out.result(
      { movable, findings, needProbe, nodes, ...(plan && { forecast: plan.forecast, node: plan.target.node }) },
      () => render(given, { plan, findings, nodes }),
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

function render(
  { pod }: PodOptions,
  { plan, findings, nodes }: Judged & { readonly nodes: readonly Candidate[] },
): string {
  const count = `${findings.length} ${findings.length === 1 ? 'reason' : 'reasons'} against it`;
  const head = plan
    ? `${pod} can be moved, to ${plan.target.context}/${plan.target.node} for instance\n`
    : `${pod} cannot be moved: ${count}\n`;
  const rows = nodes.map(({ node, reasons }) => [node, reasons.length === 0 ? '✓ fits' : '✗ no', reasons.join(', ')]);
  const table = rows.length === 0 ? '' : columns(rows, ['NODE', 'VERDICT', 'WHY']);
  const unseen = FROM_THE_NODES.map((code) => `${code} ${FINDINGS[code]}`).join(', ');
  const probe = `Only the nodes can tell, which a move asks before its freeze: ${unseen}\n`;
  return [head, ...findings.map(renderFinding), table, ...(plan ? [probe] : [])].join('');
}
