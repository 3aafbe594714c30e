import type { Finding } from '../../domain/finding.ts';
import { SYSTEM_NAMESPACE } from '../../domain/names.ts';
import type { Facts } from '../facts.ts';
import type { Maker } from '../leftover.ts';

/** E108, with who made the pod and what that means for removing it: it may be the only copy of a moved one. Pure. */
export function checkName({ request, source, target, targetPod, targetPodMaker }: Facts): Finding[] {
  if (!targetPod) return [];
  const { name } = targetPod.metadata;
  const words = {
    what: `pod ${request.targetNamespace}/${name} already exists in ${target.context}`,
    remove: `kubectl --context ${target.context} -n ${request.targetNamespace} delete pod ${name}`,
    record: `kubectl --context ${source.context} -n ${SYSTEM_NAMESPACE} get configmap ${targetPodMaker?.migration} -o yaml`,
  };
  const { by, remedy } = targetPodMaker ? told(targetPodMaker, words) : ofSomebody(words);
  const why = 'two pods cannot have one name';
  return [{ code: 'E108', severity: 'error', what: `${words.what}${by}`, why, remedy }];
}

interface Words {
  readonly remove: string;
  readonly record: string;
}

const ELSEWHERE = 'move to another namespace with --to-namespace';

function ofSomebody({ remove }: Words) {
  return { by: '', remedy: `remove it with ${remove}, or ${ELSEWHERE}` };
}

function told({ migration, state }: Maker, { remove, record }: Words): { by: string; remedy: string } {
  switch (state) {
    case 'committed':
      return {
        by: `: migration ${migration} made it and is committed, so that it is the only copy`,
        remedy: `do not remove it; how far that move got: ${record}`,
      };
    case 'done':
      return {
        by: `: migration ${migration} moved it there`,
        remedy: `${ELSEWHERE}, or, if what it holds is not needed any more, remove it: ${remove}`,
      };
    case undefined:
      return {
        by: `: migration ${migration} made it, and there is no record of how that ended`,
        remedy: `${ELSEWHERE}, or, if it never became ready, remove it: ${remove}`,
      };
    default:
      return {
        by: `: migration ${migration} made it and has not finished`,
        remedy: `unless that move is still running, remove what it left: ${remove}`,
      };
  }
}
