import { blocking, type Finding } from '../domain/finding.ts';
import { ENGINES, type EngineName, type MigrationRequest } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';
import { HELPER_SIDES } from '../engines/helper-sides.ts';
import type { Pod } from '../kube/objects.ts';
import { detectWorkload, isRenewed } from '../workloads/index.ts';
import { lostCapabilities } from './checks/default-capabilities.ts';
import { checkHelpers } from './checks/helpers.ts';
import { againstRuntime, checkKubelet, verdictOn } from './checks/kubelet.ts';
import { type Candidate, chooseNode } from './checks/placement.ts';
import type { Facts } from './facts.ts';
import { nodesFor } from './place.ts';

/** An engine that can do it, and where the pod would go with it. */
export interface EngineChoice {
  readonly engine: EngineName;
  readonly node: string;
  /** Where helper pods run. */
  readonly sides: readonly Side[];
  /** What the runtime of that node has to be told in its configuration to restore anything; absent where nothing. */
  readonly restoreSetting?: string;
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

/**
 * Asks each engine that the request allows whether it can do it: the helper engine first, and each with all the helper pods
 * that it wants before it is asked whether fewer would do. Pure.
 */
export function considerEngines(facts: Facts, original: Pod): Consideration {
  const { engine: wanted } = facts.request;
  const workload = detectWorkload(facts.owners);
  const freesName = 'usable' in workload && isRenewed(workload.usable);
  const considered = (wanted === 'auto' ? ENGINES : [wanted]).map((engine) =>
    waysOf(engine, facts).map((sides) => consider({ engine, sides }, facts, original, freesName)),
  );
  const usable = considered.flat().flatMap(({ choice }) => choice ?? []);
  // Whatever is against an engine with all its helpers is against it with fewer.
  const refused = considered.map(([first]) => first?.refused ?? []);
  return { usable, refused: withoutRepeats(refused.filter((each, at) => at === 0 || isNews(each, facts)).flat()) };
}

/** What is against the second choice is told where somebody asked for it, or where a registry is all that it lacks. */
function isNews(refused: readonly Finding[], { request }: Facts): boolean {
  return request.registry !== undefined || refused.every(({ code }) => code === 'E145');
}

/** Where helper pods may run for an engine: everywhere that it wants them if they are let in there. */
function waysOf(engine: EngineName, facts: Facts): (readonly Side[])[] {
  const { wanted, needed } = HELPER_SIDES[engine];
  const more = wanted.filter((side) => !needed.includes(side));
  return more.length > 0 && blocking(checkHelpers(facts, more)).length === 0 ? [wanted, needed] : [needed];
}

interface Way {
  readonly engine: EngineName;
  readonly sides: readonly Side[];
}

function consider(
  way: Way,
  facts: Facts,
  original: Pod,
  freesName: boolean,
): { readonly choice?: EngineChoice; readonly refused: readonly Finding[] } {
  const { engine, sides } = way;
  const findings = engine === 'helper' ? checkHelpers(facts, sides) : checkKubelet(facts, original, sides);
  const { node, against, leftOut, restoreSetting } = place(way, facts, original);
  const once = engine === 'kubelet' && freesName ? [restoredOnce(facts)] : [];
  const refused = [...blocking(findings), ...once, ...against];
  if (node === undefined || refused.length > 0) return { refused };
  // A runtime that restores gives what it wants by itself.
  const { lost, findings: losses } =
    engine === 'helper' ? lostCapabilities(facts, original, node) : { lost: [], findings: [] };
  const setting = restoreSetting === undefined ? {} : { restoreSetting };
  return { choice: { ...way, node, ...setting, findings: [...findings, ...losses], lost, leftOut }, refused: [] };
}

/** Why this engine: the user’s word, or what is against those before it. Pure. */
export function reasonFor(
  { engine: wanted }: MigrationRequest,
  { engine, leftOut, restoreSetting }: EngineChoice,
  against: readonly Finding[],
): string {
  const asked = restoreSetting === undefined ? [] : [`; looked for on the node: ${restoreSetting}`];
  const without = [...asked, ...leftOut.map((what) => `; left out: ${what}`)].join('');
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
  readonly restoreSetting?: string;
}

function place({ engine, sides }: Way, facts: Facts, original: Pod): Placed {
  const { fitting, against, placement } = nodesFor(facts, original);
  if (against.length > 0) return { against, leftOut: [] };
  if (engine === 'helper') {
    const node = chooseNode(fitting, placement);
    return { ...(node !== undefined && { node }), against: [], leftOut: [] };
  }
  const { unable, settings } = judgeRuntimes(facts, fitting, sides.includes('target'));
  const able = fitting.filter((candidate) => !unable.has(candidate.node));
  const certain = able.filter((candidate) => !settings.has(candidate.node));
  // What a configuration says is only known once the move has begun.
  const node = chooseNode(certain, placement) ?? chooseNode(able, placement);
  if (node === undefined) return { against: [...unable.values()], leftOut: [] };
  const restoreSetting = settings.get(node);
  const leftOut = [...unable.values()].map(({ what }) => what);
  return { node, against: [], leftOut, ...(restoreSetting !== undefined && { restoreSetting }) };
}

/** By node: what is against those that do not restore, and the setting that those take that restore only with one. */
function judgeRuntimes(facts: Facts, fitting: readonly Candidate[], asked: boolean) {
  const unable = new Map<string, Finding>();
  const settings = new Map<string, string>();
  for (const node of facts.targetNodes) {
    const { name } = node.metadata;
    if (!fitting.some((candidate) => candidate.node === name)) continue;
    const verdict = verdictOn(node, facts);
    const against = againstRuntime(node, facts, asked);
    if (against) unable.set(name, against);
    else if (verdict.restores === 'if-configured') settings.set(name, verdict.setting);
  }
  return { unable, settings };
}
