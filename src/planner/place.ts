import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../kube/objects.ts';
import { type Candidate, judgeNodes, type PlacementFacts } from './checks/placement.ts';
import type { Facts } from './facts.ts';
import { boundIn } from './volume-facts.ts';

/** The nodes that the pod could go to, or why there are none. */
export interface Nodes {
  readonly placement: PlacementFacts;
  readonly fitting: readonly Candidate[];
  readonly against: readonly Finding[];
}

/** Judges the nodes that the user allows; the one where the pod is already is none of them. Pure. */
export function nodesFor(facts: Facts, original: Pod): Nodes {
  const { request, target, sameCluster, selectedNodes } = facts;
  const placement = {
    pod: original,
    nodes: facts.targetNodes,
    pods: facts.targetPods,
    architecture: facts.sourceNode?.status?.nodeInfo?.architecture,
    volumes: boundIn(facts.volumes),
  };
  const none = (finding: Finding): Nodes => ({ placement, fitting: [], against: [finding] });
  const here = sameCluster ? facts.pod.spec.nodeName : undefined;
  const candidates = judgeNodes(placement);
  const { targetNode: wanted, targetNodeSelector: selector } = request;
  const asked = candidates.filter(({ node }) =>
    wanted === undefined ? (selectedNodes?.has(node) ?? true) : node === wanted,
  );
  if (asked.length === 0) return none(noSuchNode(wanted ?? `that matches ${selector}`, target.context, candidates));
  const elsewhere = asked.filter(({ node }) => node !== here);
  if (here !== undefined && elsewhere.length === 0) return none(samePlace(facts, here, candidates));
  const fitting = elsewhere.filter(({ reasons }) => reasons.length === 0);
  return fitting.length === 0 ? none(noNodeFits(target.context, elsewhere)) : { placement, fitting, against: [] };
}

function samePlace({ source, request }: Facts, node: string, candidates: readonly Candidate[]): Finding {
  const others = candidates.filter((candidate) => candidate.node !== node && candidate.reasons.length === 0);
  const names = others.map((candidate) => candidate.node).join(', ') || 'none has room for it';
  return {
    code: 'E107',
    severity: 'error',
    what: `pod ${request.namespace}/${request.pod} is on node ${node} of ${source.context} already`,
    why: 'source and target are the same node of the same cluster',
    remedy: `name another node with --to-node (${names}), or another cluster with --to-context`,
  };
}

function noSuchNode(node: string, context: string, candidates: readonly Candidate[]): Finding {
  return {
    code: 'E104',
    severity: 'error',
    what: `there is no node ${node} in ${context}`,
    why: 'that is where the pod would go',
    remedy: `name another with --to-node: ${candidates.map((candidate) => candidate.node).join(', ')}`,
  };
}

function noNodeFits(context: string, candidates: readonly Candidate[]): Finding {
  return {
    code: 'E132',
    severity: 'error',
    what: `no node of ${context} fits: ${candidates.map(({ node, reasons }) => `${node} ${reasons.join(', ')}`).join('; ')}`,
    why: 'the pod could not be scheduled there',
    remedy: 'make room on a node, change what the pod asks for, or name another with --to-node',
  };
}
