import { blocking, type Finding } from '../domain/finding.ts';
import { ENGINES, type EngineName, type MigrationRequest } from '../domain/plan.ts';
import { SIDES } from '../domain/refs.ts';
import type { Pod } from '../kube/objects.ts';
import { detectWorkload, isRenewed } from '../workloads/index.ts';
import { lostCapabilities } from './checks/default-capabilities.ts';
import { checkHelpers } from './checks/helpers.ts';
import { againstRuntime, checkKubelet } from './checks/kubelet.ts';
import { type Candidate, chooseNode } from './checks/placement.ts';
import type { Facts } from './facts.ts';
import { nodesFor } from './place.ts';

/** An engine that can do it, and where the pod would go with it. */
export interface EngineChoice {
  readonly engine: EngineName;
  readonly node: string;
  /** Warnings that come with the engine. */
  readonly findings: readonly Finding[];
  /** Capabilities that the processes lose with it on that node. */
  readonly lost: readonly string[];
  /** Nodes that fit and are out of the question for this engine, each with why. */
  readonly leftOut: readonly string[];
}

export interface Consideration {
  /** In the order of preference. */
  readonly usable: readonly EngineChoice[];
  /** Why the engines that were asked for and are not usable cannot do it. */
  readonly refused: readonly Finding[];
}

/** Asks each engine that the request allows whether it can do it: the helper engine first. Pure. */
export function considerEngines(facts: Facts, original: Pod): Consideration {
  const { engine: wanted } = facts.request;
  const workload = detectWorkload(facts.owners);
  const freesName = 'usable' in workload && isRenewed(workload.usable);
  const considered = (wanted === 'auto' ? ENGINES : [wanted]).map((engine) =>
    consider(engine, facts, original, freesName),
  );
  const usable = considered.flatMap(({ choice }) => choice ?? []);
  const refused = considered.map((each) => each.refused);
  return { usable, refused: withoutRepeats(refused.filter((each, at) => at === 0 || isNews(each, facts)).flat()) };
}

/** What is against the second choice is told where somebody asked for it, or where a registry is all that it lacks. */
function isNews(refused: readonly Finding[], { request }: Facts): boolean {
  return request.registry !== undefined || refused.every(({ code }) => code === 'E145');
}

function consider(
  engine: EngineName,
  facts: Facts,
  original: Pod,
  freesName: boolean,
): { readonly choice?: EngineChoice; readonly refused: readonly Finding[] } {
  const findings = engine === 'helper' ? checkHelpers(facts, SIDES) : checkKubelet(facts, original);
  const { node, against, leftOut } = place(engine, facts, original);
  const once = engine === 'kubelet' && freesName ? [restoredOnce(facts)] : [];
  const refused = [...blocking(findings), ...once, ...against];
  if (node === undefined || refused.length > 0) return { refused };
  // A runtime that restores gives what it wants by itself.
  const { lost, findings: losses } =
    engine === 'helper' ? lostCapabilities(facts, original, node) : { lost: [], findings: [] };
  return { choice: { engine, node, findings: [...findings, ...losses], lost, leftOut }, refused: [] };
}

/** Why this engine: the user’s word, or what is against those before it. Pure. */
export function reasonFor(
  { engine: wanted }: MigrationRequest,
  { engine, leftOut }: EngineChoice,
  against: readonly Finding[],
): string {
  const without = leftOut.map((what) => `; left out: ${what}`).join('');
  if (wanted !== 'auto') return `asked for with --engine${without}`;
  if (engine === 'helper') return `privileged helper pods are let in on both sides${without}`;
  const reasons = against.map(({ code, what }) => `${code} ${what}`).join('; ');
  return `the helper engine cannot: ${reasons}${without}`;
}

/** The first of those that say the same. Pure. */
export function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ code, what }, at) => findings.findIndex((one) => one.code === code && one.what === what) === at,
  );
}

function restoredOnce({ request }: Facts): Finding {
  return {
    code: 'E152',
    severity: 'error',
    what: `the kubelet engine cannot free the name ${request.namespace}/${request.pod}`,
    why: 'the source pod is deleted first, which only an engine may do that has tried the restore before and can do it on the source’s node too',
    remedy: 'use the helper engine (--engine helper), or move a bare pod under another name with --to-name',
  };
}

interface Placed {
  readonly node?: string;
  readonly against: readonly Finding[];
  readonly leftOut: readonly string[];
}

function place(engine: EngineName, facts: Facts, original: Pod): Placed {
  const { fitting, against, placement } = nodesFor(facts, original);
  if (against.length > 0) return { against, leftOut: [] };
  const unable = engine === 'kubelet' ? runtimesAgainst(facts, fitting) : new Map<string, Finding>();
  const node = chooseNode(
    fitting.filter((candidate) => !unable.has(candidate.node)),
    placement,
  );
  if (node === undefined) return { against: [...unable.values()], leftOut: [] };
  return { node, against: [], leftOut: [...unable.values()].map(({ what }) => what) };
}

function runtimesAgainst(facts: Facts, fitting: readonly Candidate[]): Map<string, Finding> {
  const found = new Map<string, Finding>();
  for (const node of facts.targetNodes) {
    const against = againstRuntime(node, facts);
    const { name } = node.metadata;
    if (against && fitting.some((candidate) => candidate.node === name)) found.set(name, against);
  }
  return found;
}
