import { asMigrateError, failureCode } from '../../domain/errors.ts';
import type { Finding } from '../../domain/finding.ts';
import type { Plan } from '../../domain/plan.ts';
import type { KubeObject, Pod } from '../../kube/objects.ts';
import { type Difference, describeDifference, differences } from '../../kube/portable-object.ts';
import type { ClusterReader, ReadOptions } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import { rehearsalPod } from '../../workloads/rehearsal-pod.ts';

/**
 * Has the target's API server judge the pod that the move makes there first, admission and quota included, and keep
 * nothing of it: E180 where it refuses, W222 for what it would change.
 */
export async function checkAdmission(plan: Plan, target: ClusterReader, options: ReadOptions): Promise<Finding[]> {
  const pod = withExistingAccount(firstPod(plan), plan);
  try {
    const made = await target.wouldCreate<Pod>(RESOURCES.pod, pod, options);
    const changed = changesOf(pod, made);
    return changed.length === 0 ? [] : [changes(plan, changed)];
  } catch (error) {
    if (failureCode(error) !== 'F316') throw error;
    const { detail } = asMigrateError(error);
    return [/does not support dry run/.test(detail) ? unknown(plan, detail) : refused(plan, detail)];
  }
}

/** The pod whose creation begins the target's part. */
function firstPod({ manifest, rehearsal }: Plan): Pod {
  const pod = manifest as unknown as Pod;
  return rehearsal ? rehearsalPod(pod, rehearsal.pod) : pod;
}

/** An account that the move itself brings is not there yet, and admission asks for it. */
function withExistingAccount(pod: Pod, { copies }: Plan): Pod {
  const { serviceAccountName, ...spec } = pod.spec;
  const isBrought = copies.some(({ kind, name }) => kind === 'ServiceAccount' && name === serviceAccountName);
  return isBrought ? { ...pod, spec } : pod;
}

/** Fields that the API server fills in where nobody has (pkg/apis/core/v1/defaults.go), and the service account's. */
const FILLED_IN = new Set([
  ...['serviceAccount', 'serviceAccountName', 'imagePullSecrets', 'dnsPolicy', 'restartPolicy', 'schedulerName'],
  ...['terminationGracePeriodSeconds', 'enableServiceLinks', 'preemptionPolicy', 'priority', 'tolerationSeconds'],
  ...['terminationMessagePath', 'terminationMessagePolicy', 'imagePullPolicy', 'protocol', 'defaultMode', 'apiVersion'],
  ...['timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold', 'scheme'],
]);

/** What of a pod is not as it was sent, beyond what is filled in for every pod. Pure. */
export function changesOf(sent: Pod, made: Pod): Difference[] {
  return differences(described(sent), described(made)).filter(
    ({ field, source }) => source !== undefined || !FILLED_IN.has(field.slice(field.lastIndexOf('.') + 1)),
  );
}

function described({ metadata: { labels, annotations }, spec }: Pod): unknown {
  const tolerations = (spec.tolerations ?? []).filter(({ key }) => !/^node\.kubernetes\.io\//.test(key ?? ''));
  return byName({ metadata: { labels, annotations }, spec: { ...spec, tolerations } });
}

/** Lists of named things as maps, so that one more of them is one difference; without what holds the pod's own token. */
function byName(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.filter((item) => !isToken(item));
    const isNamed = items.length > 0 && items.every((item) => typeof item?.name === 'string' && !item.mountPath);
    if (isNamed) return Object.fromEntries(items.map(({ name, ...rest }) => [name, byName(rest)]));
    return items.length === 0 ? undefined : items.map(byName);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, byName(part)]));
}

function isToken(item: unknown): boolean {
  return String((item as Partial<KubeObject['metadata']> | null)?.name ?? '').startsWith('kube-api-access-');
}

function refused({ target }: Plan, words: string): Finding {
  return {
    code: 'E180',
    severity: 'error',
    what: `${target.context} would not take the target pod: ${words}`,
    why: 'a quota, a limit, Pod Security or an admission webhook of that cluster is against it',
    remedy: 'change what the message names, there or in the pod, or move to another namespace with --to-namespace',
  };
}

function unknown({ target }: Plan, words: string): Finding {
  return {
    code: 'W222',
    severity: 'warning',
    what: `whether ${target.context} takes the target pod as it is cannot be asked beforehand: ${words}`,
    why: 'a webhook that has side effects answers no dry run; should it refuse the pod, the move ends before the freeze',
    remedy: 'nothing to do',
  };
}

function changes({ target }: Plan, found: readonly Difference[]): Finding {
  return {
    code: 'W222',
    severity: 'warning',
    what: `${target.context} changes the pod when it is made there: ${found.map(describeDifference).join('; ')}`,
    why: 'admission of that cluster (LimitRange, webhooks) has its own idea of the pod; processes keep what they had at their start',
    remedy: 'nothing to do if that is meant; otherwise exempt the namespace there',
  };
}
