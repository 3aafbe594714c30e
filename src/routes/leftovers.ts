import type { Finding } from '../domain/finding.ts';
import { MIGRATION_ANNOTATION } from '../domain/names.ts';
import type { KubeObject, Pod } from '../kube/objects.ts';
import {
  MANAGED_BY_LABEL,
  OURS,
  SELECTOR_ANNOTATION,
  SERVICE_LABEL,
  type ServiceFacts,
  SKIP_MIRROR_LABEL,
  selects,
  takenSelector,
} from './service-facts.ts';

/**
 * E162 for a Service that an earlier move has prepared and neither switched nor given back, with the commands that give
 * it back. None where a slice of ours leads to another cluster: that move has ended, and its pod is served by it. Pure.
 */
export function leftByMigration({ service, slices }: ServiceFacts, pod: Pod, context: string): Finding[] {
  const own = slices.filter((slice) => slice.metadata.labels?.[MANAGED_BY_LABEL] === OURS);
  const switched = own.some((slice) => (slice.endpoints ?? []).some((endpoint) => endpoint.targetRef === undefined));
  const taken = takenSelector(service, pod);
  if (switched || (!taken && !(own.length > 0 && selects(service, pod)))) return [];
  const { name, namespace } = service.metadata;
  const migration = [service, ...own].map(madeBy).find((id) => id !== undefined);
  const kubectl = `kubectl --context ${context} -n ${namespace}`;
  const annotations = { [SELECTOR_ANNOTATION]: null, [MIGRATION_ANNOTATION]: null };
  const back = JSON.stringify({ metadata: { annotations }, spec: { selector: taken } });
  const commands = [
    ...(taken ? [`${kubectl} patch service ${name} --type merge -p '${back}'`] : []),
    `${kubectl} label endpoints ${name} ${SKIP_MIRROR_LABEL}-`,
    `${kubectl} delete endpointslices -l ${SERVICE_LABEL}=${name},${MANAGED_BY_LABEL}=${OURS}`,
  ];
  return [
    {
      code: 'E162',
      severity: 'error',
      what: `service ${namespace}/${name} of ${context} is held by ${migration ? `migration ${migration}` : 'an earlier migration'}, which has not finished`,
      why: taken
        ? `its selector is in the annotation ${SELECTOR_ANNOTATION} until that move gives it back`
        : 'endpoint slices of that move lead to the pod',
      remedy: `unless that move is still running or is committed, give it back: ${commands.join(' && ')}`,
      field: taken ? 'spec.selector' : 'metadata.labels',
    },
  ];
}

function madeBy(object: KubeObject): string | undefined {
  return object.metadata.annotations?.[MIGRATION_ANNOTATION];
}
