import type { Finding } from '../../domain/finding.ts';
import type { MigrationRequest } from '../../domain/plan.ts';
import type { Side } from '../../domain/refs.ts';
import {
  describeRuntime,
  judgeRuntime,
  type RestoreVerdict,
  takesCheckpoints,
} from '../../engines/kubelet/runtimes.ts';
import type { Node, Pod } from '../../kube/objects.ts';
import type { Facts } from '../facts.ts';
import { checkHelpers } from './helpers.ts';

/**
 * What stands in the way of the kubelet engine with helper pods on these sides, beside the nodes of the target, and what
 * comes with it. Pure.
 */
export function checkKubelet(facts: Facts, original: Pod, sides: readonly Side[]): Finding[] {
  return [
    ...checkHelpers(facts, sides),
    ...registry(facts.request),
    ...sourceRuntime(facts),
    ...cannotMove(facts, original),
    ...unsealed(facts),
    ...restarts(original),
    ...(sides.includes('target') ? [] : [unlike(facts)]),
  ];
}

/** Whether a node’s runtime restores what the source’s takes. Pure. */
export function verdictOn(node: Node, { sourceNode }: Facts): RestoreVerdict {
  const from = sourceNode?.status?.nodeInfo?.containerRuntimeVersion;
  return judgeRuntime(node.status?.nodeInfo?.containerRuntimeVersion, from);
}

/**
 * Why a node’s runtime cannot restore what the source’s takes; undefined where it can, and where a helper will be asked how
 * it is configured. Pure.
 */
export function againstRuntime(node: Node, facts: Facts, asked: boolean): Finding | undefined {
  const verdict = verdictOn(node, facts);
  if (verdict.restores === true || (verdict.restores === 'if-configured' && asked)) return undefined;
  const reported = describeRuntime(node.status?.nodeInfo?.containerRuntimeVersion);
  const [code, does] = verdict.restores
    ? (['E146', `restores only with ${verdict.setting} ${verdict.why}, which the API server does not show`] as const)
    : ([verdict.code, verdict.why] as const);
  return {
    code,
    severity: 'error',
    what: `node ${node.metadata.name} of ${facts.target.context} runs ${reported}, which ${does}`,
    why: 'the kubelet engine has the target’s runtime restore the checkpoint',
    remedy: 'use --engine helper, which brings its own CRIU, or choose another node with --to-node',
    field: 'status.nodeInfo.containerRuntimeVersion',
  };
}

function registry({ registry: named }: MigrationRequest): Finding[] {
  if (named !== undefined) return [];
  return [
    {
      code: 'E145',
      severity: 'error',
      what: 'no registry is named for the checkpoint',
      why: 'the kubelet engine hands the checkpoint over as an image, which the target node pulls',
      remedy: 'name one that this machine can push to and the target’s nodes can pull from: --registry HOST/REPOSITORY',
    },
  ];
}

function sourceRuntime({ source, sourceNode }: Facts): Finding[] {
  const reported = sourceNode?.status?.nodeInfo?.containerRuntimeVersion;
  if (takesCheckpoints(reported)) return [];
  return [
    {
      code: 'E146',
      severity: 'error',
      what: `node ${sourceNode?.metadata.name} of ${source.context} runs ${describeRuntime(reported)}, which takes no checkpoints`,
      why: 'the kubelet engine has the source’s runtime take one (KEP-2008)',
      remedy: 'use --engine helper, which brings its own CRIU',
      field: 'status.nodeInfo.containerRuntimeVersion',
    },
  ];
}

function cannotMove({ sameCluster, volumes }: Facts, { metadata, spec }: Pod): Finding[] {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
  const reasons: [boolean, string, string, string][] = [
    [spec.containers.length > 1, 'spec.containers', 'has several containers', 'kubelet checkpoints one at a time'],
    [
      (spec.initContainers ?? []).length > 0,
      'spec.initContainers',
      'has init containers',
      'they would run again before the restore',
    ],
    [
      volumes.length > 0,
      'spec.volumes',
      'uses persistent volumes',
      'the source goes on writing to them after the checkpoint',
    ],
    [
      owner !== undefined,
      'metadata.ownerReferences',
      `belongs to ${owner?.kind} ${owner?.name}`,
      'its place is handed over with the helper engine only',
    ],
    [sameCluster, 'metadata.name', 'would stay in its cluster', 'its name is freed with the helper engine only'],
  ];
  return reasons
    .filter(([present]) => present)
    .map(([, field, what, why]) => ({
      code: 'E152',
      severity: 'error',
      what: `pod ${metadata.name} ${what}`,
      why,
      remedy: 'use --engine helper',
      field,
    }));
}

function unsealed({ request, pod }: Facts): Finding[] {
  if (request.registry === undefined) return [];
  return [
    {
      code: 'W210',
      severity: 'warning',
      what: `the memory of ${pod.metadata.name} rests unsealed: in kubelet’s folder checkpoints on node ${pod.spec.nodeName} and in ${request.registry}, until the move ends; in the registry’s store and in the target node’s image cache until they collect their garbage`,
      why: 'the runtime has to read it, so it cannot be encrypted',
      remedy: 'use a registry that only you read, or --engine helper, which keeps the image in memory only',
    },
  ];
}

function restarts({ metadata }: Pod): Finding[] {
  return [
    {
      code: 'W211',
      severity: 'warning',
      what: `should the container of ${metadata.name} end after the move, it does not start again`,
      why: 'the pod’s image is the checkpoint, which is removed: a start from it would go back to an old memory',
      remedy: 'replace the pod by one with its own image when that suits you, or use --engine helper',
      field: 'spec.containers[0].image',
    },
  ];
}

function unlike({ source, target }: Facts): Finding {
  return {
    code: 'W212',
    severity: 'warning',
    what: `the processors of ${source.context} and ${target.context} are not compared`,
    why: 'no helper pod of yours is let in there to look at the node; a program that uses what the other processor lacks ends there (CRIU #2824)',
    remedy: 'choose a node of the same machine type with --to-node, or have helper pods let in',
  };
}
