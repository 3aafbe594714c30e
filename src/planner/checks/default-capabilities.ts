import type { Finding } from '../../domain/finding.ts';
import { defaultCapabilities, describeRuntime, runtimeName } from '../../engines/kubelet/runtimes.ts';
import type { Container, Node, Pod } from '../../kube/objects.ts';
import { lastingContainers } from '../../workloads/containers.ts';
import type { Facts } from '../facts.ts';

/**
 * Capabilities that containers of the pod have by the source's runtime and would not have by the target's, and the warning
 * about it (W216). Pure.
 */
export function lostCapabilities(
  { sourceNode, targetNodes }: Facts,
  original: Pod,
  node: string,
): { readonly lost: readonly string[]; readonly findings: readonly Finding[] } {
  const there = targetNodes.find(({ metadata }) => metadata.name === node);
  const [from, to] = [runtimeOf(sourceNode), runtimeOf(there)];
  const [had, has] = [runtimeName(from), runtimeName(to)];
  const kept = has ? defaultCapabilities(has) : [];
  const less = had && has ? defaultCapabilities(had).filter((name) => !kept.includes(name)) : [];
  const lost = less.filter((name) => lastingContainers(original.spec).some((each) => isByDefault(each, name)));
  if (lost.length === 0) return { lost, findings: [] };
  return {
    lost,
    findings: [
      {
        code: 'W216',
        severity: 'warning',
        what: `${original.metadata.name} goes on without the capabilities ${lost.join(', ')}`,
        why: `${describeRuntime(from)} gives them where a pod does not say, ${describeRuntime(to)} of node ${node} does not: a pod started there would not have them either`,
        remedy:
          'nothing to do unless the program needs one of them: then name it in the pod, and start that anew first',
        field: 'spec.containers[*].securityContext.capabilities.add',
      },
    ],
  };
}

const runtimeOf = (node: Node | undefined) => node?.status?.nodeInfo?.containerRuntimeVersion;

function isByDefault({ securityContext }: Container, name: string): boolean {
  const { add = [], drop = [] } = securityContext?.capabilities ?? {};
  return ![...add, ...drop].some((each) => each === 'ALL' || each.replace(/^CAP_/, '') === name);
}
