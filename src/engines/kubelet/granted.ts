import { onlyContainer, type Plan } from '../../domain/plan.ts';
import { CAPABILITIES, type Capability, capabilitySet } from '../../helper/capabilities.ts';
import type { Granted } from '../../helper/trust/credentials.ts';
import type { Pod } from '../../kube/objects.ts';
import type { Started } from '../engine.ts';
import { defaultCapabilities } from './runtimes.ts';

/** What of a pod's or container's securityContext decides here. */
interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsNonRoot?: boolean;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}

/**
 * What containerd, the only runtime that restores archives, grants the planned container when it starts one
 * (internal/cri/server/container_create_linux.go). `started` says what the spec leaves to the image: its user and that
 * user's groups. Where the spec refuses root, that is no user whatever was started. A profile of AppArmor or SELinux is not in it: the runtime gives CRIU the target's own. Pure.
 */
export function grantedBy(plan: Plan, started: Started): Granted {
  const { spec } = plan.manifest as unknown as Pod;
  const { name } = onlyContainer(plan);
  const ofPod: SecurityContext = spec.securityContext ?? {};
  const own: SecurityContext = spec.containers.find((each) => each.name === name)?.securityContext ?? {};
  const seccomp = (own.seccompProfile ?? ofPod.seccompProfile)?.type ?? 'Unconfined';
  const { fsGroup, supplementalGroups = [] } = ofPod;
  const uid = own.runAsUser ?? ofPod.runAsUser ?? started.uid;
  const isRefused = uid === 0 && (own.runAsNonRoot ?? ofPod.runAsNonRoot ?? false);
  const bounding = own.privileged ? capabilitySet(CAPABILITIES) : boundingSet(own.capabilities ?? {});
  return {
    bounding,
    // Another user than root loses them as the runtime starts the program (capabilities(7), execve).
    permitted: uid === 0 && !isRefused ? bounding : 0n,
    uids: isRefused ? [] : [uid],
    gids: [
      own.runAsGroup ?? ofPod.runAsGroup ?? started.gid,
      ...(fsGroup === undefined ? [] : [fsGroup]),
      ...supplementalGroups,
      ...started.groups,
    ],
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    seccompFilters: own.privileged || seccomp === 'Unconfined' ? 0 : 1,
    profile: '',
    lowestNice: 0,
  };
}

/** The default ones; all or none, where a list says `ALL`; then what is added, without what is dropped. */
function boundingSet({ add = [], drop = [] }: NonNullable<SecurityContext['capabilities']>): bigint {
  const [added, dropped] = [add, drop].map((names) => names.map((each) => each.toUpperCase().replace(/^CAP_/, '')));
  const base = dropped?.includes('ALL')
    ? []
    : added?.includes('ALL')
      ? CAPABILITIES
      : defaultCapabilities('containerd');
  return (capabilitySet(base) | known(added)) & ~known(dropped);
}

function known(names: readonly string[] = []): bigint {
  return capabilitySet(names.filter((name): name is Capability => CAPABILITIES.some((each) => each === name)));
}
