import { HELPER_CONTAINER, helperPodName, MANAGED_BY, MIGRATION_ANNOTATION } from '../../domain/names.ts';
import type { Plan, PlanDraft } from '../../domain/plan.ts';
import type { ObjectRef, Side } from '../../domain/refs.ts';
import { helperCommand, IMAGES_DIR } from '../../helper/pod-spec.ts';
import type { KubeObject, Pod } from '../../kube/objects.ts';
import { RESOURCES } from '../../kube/resources.ts';

const HELPER_LABEL = { 'app.kubernetes.io/name': 'kubectl-migrate-helper' };
/** Keeps helper pods from having a network. */
export const HELPER_POLICY = 'helpers';

/**
 * Its disk is bounded; its memory is not, because a helper that is killed for it in the middle of a dump may take the
 * source with it (ADR 10). Requests of nothing: a full node has to let it in all the same.
 */
const RESOURCE_LIMITS = {
  requests: { cpu: '0', memory: '0', 'ephemeral-storage': '0' },
  limits: { 'ephemeral-storage': '256Mi' },
};

/** A helper outlives the deadlines of its migration by this much, in ms, so that it can still be asked to undo. */
const GRACE_MS = 300_000;

/**
 * The privileged pod that does the work on one of the two nodes. It has no credentials, and ends itself: kubelet's own
 * deadline would end it while it keeps a stopped database. Pure.
 */
export function helperPod(plan: Plan, side: Side): Pod {
  const node = plan[side].node;
  const lifetimeMs = Object.values(plan.deadlines).reduce((sum, deadline) => sum + deadline, 0) + GRACE_MS;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: helperPodName(plan.id, side),
      namespace: plan.helper.namespace,
      labels: { ...HELPER_LABEL, ...MANAGED_BY, [MIGRATION_ANNOTATION]: plan.id },
    },
    spec: {
      nodeName: node,
      hostPID: true,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // A helper that was killed while its source is frozen comes back and finds in its record when to thaw it.
      restartPolicy: 'OnFailure',
      // One that has nothing to thaw ends at once; one in the middle of a dump must not be cut off.
      terminationGracePeriodSeconds: 60,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: HELPER_CONTAINER,
          image: plan.helper.image,
          imagePullPolicy: 'IfNotPresent',
          command: helperCommand(lifetimeMs),
          resources: RESOURCE_LIMITS,
          securityContext: { privileged: true, readOnlyRootFilesystem: true },
          volumeMounts: [
            { name: 'images', mountPath: IMAGES_DIR },
            { name: 'run', mountPath: '/run' },
          ],
        },
      ],
      volumes: [
        { name: 'images', emptyDir: { medium: 'Memory' } },
        { name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
      ],
    },
  };
}

/** Where the cluster enforces it: helpers speak through the API server only. Pure. */
export function helperPolicy(namespace: string): KubeObject {
  return {
    apiVersion: RESOURCES.networkPolicy.apiVersion,
    kind: 'NetworkPolicy',
    metadata: { name: HELPER_POLICY, namespace, labels: MANAGED_BY },
    spec: { podSelector: { matchLabels: HELPER_LABEL }, policyTypes: ['Ingress', 'Egress'] },
  };
}

/** The namespace of helper pods; Pod Security admission has to let privileged pods in. Pure. */
export function systemNamespace(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: {
        ...MANAGED_BY,
        'pod-security.kubernetes.io/enforce': 'privileged',
      },
    },
  };
}

/** The helper pod of one side. */
export function helperRef(
  plan: PlanDraft,
  side: Side,
): ObjectRef & { namespace: string; resource: typeof RESOURCES.pod } {
  const { namespace } = plan.helper;
  return {
    side,
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    name: helperPodName(plan.id, side),
    resource: RESOURCES.pod,
  };
}
