import { stringify } from 'yaml';
import type { EngineName } from '../../src/domain/plan.ts';
import { accessOfMoves } from '../../src/planner/permissions.ts';
import { minimalRoles, type Part } from '../../src/planner/roles.ts';
import { STEPS } from '../../src/steps/index.ts';

const NAMESPACE = 'default';
const USER = 'jane@example.org';

const MEANT: Readonly<Record<Part['of'], string>> = {
  source: 'in the cluster that pods are moved from',
  target: 'in the cluster that pods are moved to',
  within: 'in a cluster within which pods are moved from node to node',
};

/** What a user needs for moves of pods of one namespace, to be applied by an administrator. */
export function rolesPage(engine: EngineName, of: Part['of']): string {
  const oneCluster = of === 'within';
  const scope = { namespace: NAMESPACE, targetNamespace: NAMESPACE, oneCluster, createNamespaceIn: [] };
  const access = accessOfMoves(scope, STEPS, engine)[oneCluster ? 'source' : of];
  const objects = minimalRoles(access, { engine, of, user: USER });
  const head = [
    `# What ${USER} needs ${MEANT[of]}, namespace ${NAMESPACE}, with the ${engine} engine.`,
    '# Written by `npm run docs`. For another user or namespace:',
    '# kubectl migrate doctor --roles --roles-for USER -n NAMESPACE',
  ];
  return `${head.join('\n')}\n${objects.map((object) => stringify(object)).join('---\n')}`;
}
