import type { Finding } from '../domain/finding.ts';
import type { MigrationRequest, PlanContainer } from '../domain/plan.ts';

/** Which containers move with their processes, and which start afresh in the target. */
export interface Chosen {
  readonly containers: readonly PlanContainer[];
  readonly afresh: readonly PlanContainer[];
  readonly findings: readonly Finding[];
}

/** All of them, or the one that was asked for: E109 where there is none of that name, W215 for the others. Pure. */
export function chooseContainers({ container }: MigrationRequest, all: readonly PlanContainer[]): Chosen {
  if (container === undefined) return { containers: all, afresh: [], findings: [] };
  const containers = all.filter(({ name }) => name === container);
  const afresh = all.filter(({ name }) => name !== container);
  if (containers.length === 0) return { containers: all, afresh: [], findings: [notFound(container, all)] };
  return { containers, afresh, findings: afresh.length === 0 ? [] : [startAfresh(container, afresh)] };
}

function notFound(container: string, all: readonly PlanContainer[]): Finding {
  return {
    code: 'E109',
    severity: 'error',
    what: `the pod has no container ${container}`,
    why: 'only its processes would move',
    remedy: `name one of these with --container: ${all.map(({ name }) => name).join(', ')}`,
  };
}

function startAfresh(container: string, afresh: readonly PlanContainer[]): Finding {
  const names = afresh.map(({ name }) => name).join(', ');
  return {
    code: 'W215',
    severity: 'warning',
    what: `${names} ${afresh.length === 1 ? 'starts' : 'start'} afresh in the target, from the image: memory, changed files and volumes that ${container} does not mount are not carried over`,
    why: `only the processes of ${container} move, and connections between them and the others end`,
    remedy: 'leave --container out to move all of them',
  };
}
