import type { Finding } from '../../domain/finding.ts';
import type { Container, Pod } from '../../kube/objects.ts';
import { condition, containerStatus, podAddresses } from '../../kube/pod-status.ts';
import { lastingContainers } from '../../workloads/containers.ts';

/** E105 and E106: a pod moves only while it runs and is Ready, so that "ready again" has a meaning afterwards. Pure. */
export function checkPodState(pod: Pod, context: string): Finding[] {
  const { name, namespace } = pod.metadata;
  const look = `look why: kubectl --context ${context} -n ${namespace} describe pod ${name}`;
  const started = lastingContainers(pod.spec).every(
    (container) => containerStatus(pod, container.name)?.state?.running,
  );
  const running = started && pod.status?.phase === 'Running' && podAddresses(pod).length > 0;
  if (pod.metadata.deletionTimestamp || !running) {
    const why = pod.metadata.deletionTimestamp
      ? 'it is being deleted'
      : `its phase is ${pod.status?.phase ?? 'unknown'}`;
    return [
      {
        code: 'E105',
        severity: 'error',
        what: `pod ${namespace}/${name} is not running: ${why}`,
        why: 'only running processes have a memory to move',
        remedy: `wait for it, or ${look}`,
        field: 'status.phase',
      },
    ];
  }
  const ready = condition(pod, 'Ready');
  if (ready.met) return [];
  return [
    {
      code: 'E106',
      severity: 'error',
      what: `pod ${namespace}/${name} is not ready${ready.why ? ` (${ready.why})` : ''}`,
      why: 'a move would carry over whatever is wrong with it, and could not tell success from failure',
      remedy: `wait until it is ready, or ${look}`,
      field: 'status.conditions',
    },
  ];
}

/** A container's image by digest, as the source runs it and its author named it; undefined when the runtime does not know a registry digest. Pure. */
export function imageByDigest(pod: Pod, { name, image }: Container): string | undefined {
  const status = containerStatus(pod, name);
  const digest = /sha256:[0-9a-f]{64}$/.exec(status?.imageID ?? '')?.[0];
  if (!digest || !image || !status?.imageID?.includes('@')) return undefined;
  const withoutDigest = image.replace(/@.*$/, '');
  const repository = withoutDigest.replace(/:[^:/]+$/, '');
  return `${repository}@${digest}`;
}
