import type { Effect } from '../domain/effect.ts';
import { SYSTEM_NAMESPACE } from '../domain/names.ts';
import {
  DEFAULT_DEADLINES,
  type EngineName,
  type MigrationRequest,
  PLAN_SCHEMA,
  type PlanDraft,
  type PlannedCopy,
} from '../domain/plan.ts';
import { SIDES, type Side } from '../domain/refs.ts';
import type { PlannedPlace, PlannedWorkload } from '../domain/workload.ts';
import { HELPER_SIDES } from '../engines/helper-sides.ts';
import type { Pod } from '../kube/objects.ts';
import type { Access } from '../kube/ports.ts';
import type { Step } from '../steps/step.ts';
import { isRenewed } from '../workloads/index.ts';
import { accessFor, accessKey } from './checks/access.ts';
import { planningReads } from './checks/reads.ts';
import { planEffects } from './make-plan.ts';

export interface PermissionScope {
  readonly namespace: string;
  readonly targetNamespace: string;
  /** Moves from node to node of the source cluster, instead of to another cluster; then all of it is asked of the source. */
  readonly oneCluster: boolean;
  /** Where the namespace of the helper pods is not there yet, so that a move makes it and takes it away again. */
  readonly createNamespaceIn: readonly Side[];
  /** Where helper pods run; absent: wherever the engine wants them. */
  readonly helperSides?: readonly Side[];
}

/**
 * Everything that planning and carrying out moves may need with an engine, by cluster: asked of the steps themselves, with
 * a plan of every kind of owner that has every kind of effect in it. Pure.
 */
export function accessOfMoves(
  scope: PermissionScope,
  steps: readonly Step[],
  engine: EngineName,
): Readonly<Record<Side, readonly Access[]>> {
  const workloads = Object.values(scope.oneCluster ? { ...BETWEEN, ...WITHIN } : BETWEEN);
  const drafts = workloads.map((workload) => fullestDraft(scope, engine, workload));
  const effects = drafts.flatMap((draft) => planEffects(draft, steps));
  const reads = planningReads(requestFor(scope), fullestPod(scope.namespace));
  const [source, target] = SIDES.map((side) => unique([...reads[side], ...accessFor(ofSide(effects, side))]));
  if (scope.oneCluster) return { source: unique([...(source ?? []), ...(target ?? [])]), target: [] };
  return { source: source ?? [], target: target ?? [] };
}

function ofSide(effects: readonly Effect[], side: Side): Effect[] {
  return effects.filter(({ object }) => object.side === side);
}

function unique(access: readonly Access[]): Access[] {
  return [...new Map(access.map((each) => [accessKey(each), each])).values()];
}

function requestFor({ namespace, targetNamespace }: PermissionScope): MigrationRequest {
  return {
    pod: 'any',
    namespace,
    targetNamespace,
    engine: 'helper',
    route: 'endpoints',
    ignoreManagers: false,
    copyDependencies: true,
    overwrite: [],
    deadlines: DEFAULT_DEADLINES,
  };
}

/** A pod that refers to everything that a pod of its kind can refer to. */
function fullestPod(namespace: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'any',
      namespace,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'any', uid: 'any', controller: true }],
    },
    spec: {
      serviceAccountName: 'any',
      volumes: [{ name: 'any', persistentVolumeClaim: { claimName: 'any' } }],
      containers: [
        {
          name: 'any',
          image: 'any',
          env: [{ name: 'any', value: 'any' }],
          envFrom: [{ configMapRef: { name: 'any' } }, { secretRef: { name: 'any' } }],
        },
      ],
    },
  };
}

/** A plan that leads a Service to the target and gives one back that came from there. */
function fullestDraft(
  scope: PermissionScope,
  engine: PlanDraft['engine']['name'],
  workload: PlannedWorkload,
): PlanDraft {
  const { namespace, targetNamespace, createNamespaceIn } = scope;
  const sides = scope.helperSides ?? HELPER_SIDES[engine].wanted;
  const place = { context: '', server: '', pod: 'any', node: 'any' };
  const slices = [{ replaces: 'any', own: 'any' }];
  const route = { selector: { any: 'any' }, slices, selectorInTarget: { any: 'any' } };
  return {
    schema: PLAN_SCHEMA,
    id: 'any',
    createdAt: '',
    request: requestFor(scope),
    source: {
      ...place,
      namespace,
      uid: 'any',
      addresses: [],
      containers: [{ name: 'any', id: 'any', restartCount: 0, image: 'any' }],
    },
    target: { ...place, namespace: targetNamespace },
    oneCluster: scope.oneCluster,
    ...(isRenewed(workload) && { rehearsal: { pod: 'any-rehearsal' } }),
    workload,
    copies: COPIES,
    volumes: [],
    engine: { name: engine, reason: '' },
    transfer: { name: 'relay', reason: '' },
    route: {
      name: 'endpoints',
      services: [
        { ...route, service: 'made', inTarget: 'create', ownInTarget: [], ownInSource: [] },
        { ...route, service: 'given-back', inTarget: 'restore', ownInTarget: ['any'], ownInSource: ['any'] },
      ],
    },
    helper: { image: 'any', namespace: SYSTEM_NAMESPACE, createNamespaceIn, sides },
    deadlines: DEFAULT_DEADLINES,
    warnings: [],
    forecast: { downMs: 0, totalMs: 0, basis: [] },
    reliedOn: [],
    manifest: fullestPod(targetNamespace) as unknown as PlanDraft['manifest'],
  };
}

const OWNER = {
  name: 'any',
  uid: 'any',
  generation: 1,
  replicas: 1,
  inTarget: { what: 'create', manifest: { apiVersion: 'apps/v1', metadata: { name: 'any' } } },
  labels: {},
  withheld: [],
} as const;

/** One of every kind between two clusters; a kind that is missing does not compile. */
const BETWEEN: { readonly [K in Exclude<PlannedWorkload, PlannedPlace>['kind']]: PlannedWorkload & { kind: K } } = {
  'bare-pod': { kind: 'bare-pod' },
  deployment: { ...OWNER, kind: 'deployment', replicaSet: 'any' },
  'stateful-set': { ...OWNER, kind: 'stateful-set', ordinal: 0 },
};

const { name, uid, generation } = OWNER;
const COUNTED = { kind: 'Deployment', name, uid, generation } as const;

/** One of every kind within a namespace. */
const WITHIN: { readonly [K in PlannedPlace['kind']]: PlannedPlace & { kind: K } } = {
  replica: { kind: 'replica', owner: COUNTED, replicaSet: { name, uid }, labels: {}, withheld: [] },
  ordinal: { kind: 'ordinal', name, uid, generation, labels: {}, revision: 'any', template: {}, strategy: {} },
  'bare-name': { kind: 'bare-name' },
};

const COPIES: readonly PlannedCopy[] = ['ConfigMap', 'Secret', 'ServiceAccount'].flatMap((kind) =>
  (['create', 'overwrite'] as const).map((act) => ({
    apiVersion: 'v1',
    kind,
    name: `any-${act}`,
    usedBy: '',
    act,
    digest: '',
  })),
);
