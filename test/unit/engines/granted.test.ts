import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import { grantedBy } from '../../../src/engines/kubelet/granted.ts';
import { capabilityNames } from '../../../src/helper/capabilities.ts';
import type { Container } from '../../../src/kube/objects.ts';
import { runningPod } from '../../fixtures/objects.ts';

type SecurityContext = NonNullable<Container['securityContext']>;

const STARTED = { uid: 999, gid: 998, groups: [998, 500], mounts: [] };
const DEFAULTS = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
];

function granted(container: SecurityContext = {}, pod: Record<string, unknown> = {}, uid = STARTED.uid) {
  const manifest = runningPod({ container: { securityContext: container }, spec: { securityContext: pod } });
  const plan = { manifest, source: { containers: [{ name: 'app' }] } } as unknown as Plan;
  return grantedBy(plan, { ...STARTED, uid });
}

function capabilities(container: SecurityContext): string[] {
  return capabilityNames(granted(container).bounding).sort();
}

// The values are those of spec.dump in archives that containerd 2.1.9 took of such pods.
describe('what a pod grants its container', () => {
  it('is the image’s user and the runtime’s capabilities where it says nothing', () => {
    expect(granted()).toMatchObject({
      ...{ uids: [999], gids: [998, 998, 500], noNewPrivileges: false, seccompFilters: 0, profile: '' },
    });
    expect(capabilities({})).toEqual(DEFAULTS);
  });

  it('has the user and group of the container before those of the pod', () => {
    const pod = { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] };
    expect(granted({}, pod)).toMatchObject({ uids: [1], gids: [2, 3, 4, 998, 500] });
    expect(granted({ runAsUser: 5, runAsGroup: 6 }, pod)).toMatchObject({ uids: [5], gids: [6, 3, 4, 998, 500] });
    expect(granted({ runAsUser: 0 }, pod)).toMatchObject({ uids: [0] });
  });

  it.each([
    [{ drop: ['ALL'] }, []],
    [{ drop: ['ALL'], add: ['NET_ADMIN'] }, ['NET_ADMIN']],
    [{ drop: ['CHOWN'], add: ['NET_ADMIN'] }, [...DEFAULTS.filter((name) => name !== 'CHOWN'), 'NET_ADMIN'].sort()],
    [{ drop: ['chown', 'CAP_KILL'] }, DEFAULTS.filter((name) => name !== 'CHOWN' && name !== 'KILL')],
    [{ drop: ['ALL', 'KILL'], add: ['KILL'] }, []],
    [{ add: ['NO_SUCH'] }, DEFAULTS],
  ])('has the capabilities of %j', (list, expected) => {
    expect(capabilities({ capabilities: list })).toEqual(expected);
  });

  it('has all capabilities where all are added, or it is privileged', () => {
    const all = capabilities({ privileged: true });
    expect(all).toContain('SYS_ADMIN');
    expect(capabilities({ capabilities: { add: ['ALL'] } })).toEqual(all);
    const but = capabilities({ capabilities: { add: ['ALL'], drop: ['SYS_ADMIN'] } });
    expect(but).toEqual(all.filter((name) => name !== 'SYS_ADMIN'));
  });

  it('has them itself as root, and as another user only where it may come to them', () => {
    expect(granted({ runAsUser: 0 })).toMatchObject({ permitted: granted().bounding });
    expect(granted({ runAsUser: 1000 })).toMatchObject({ permitted: 0n, bounding: granted().bounding });
    expect(granted()).toMatchObject({ permitted: 0n });
  });

  it('is not root where the container, or else the pod, refuses that, whoever was started', () => {
    const none = { uids: [], permitted: 0n };
    expect(granted({}, { runAsNonRoot: true }, 0)).toMatchObject(none);
    expect(granted({ runAsNonRoot: true }, { runAsNonRoot: false }, 0)).toMatchObject(none);
    expect(granted({ runAsNonRoot: false }, { runAsNonRoot: true }, 0)).toMatchObject({ uids: [0] });
    expect(granted({ runAsNonRoot: true })).toMatchObject({ uids: [999] });
  });

  it('has no new privileges only where the container says so', () => {
    expect(granted({ allowPrivilegeEscalation: false }).noNewPrivileges).toBe(true);
    expect(granted({ allowPrivilegeEscalation: true }).noNewPrivileges).toBe(false);
  });

  it('has a filter of system calls where the container or the pod names one', () => {
    const filters = (container: SecurityContext, pod: Record<string, unknown>) =>
      granted(container, pod).seccompFilters;
    const [byDefault, none] = [
      { seccompProfile: { type: 'RuntimeDefault' } },
      { seccompProfile: { type: 'Unconfined' } },
    ];
    expect(filters(byDefault, {})).toBe(1);
    expect(filters({}, byDefault)).toBe(1);
    expect(filters({ seccompProfile: { type: 'Localhost', localhostProfile: 'x' } }, {})).toBe(1);
    expect(filters(none, byDefault)).toBe(0);
    expect(filters({ privileged: true }, byDefault)).toBe(0);
  });
});
