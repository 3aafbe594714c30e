import { rmSync } from 'node:fs';
import path from 'node:path';
import { folders } from '../lab/folders.ts';
import type { Context, Kubectl } from './kubectl.ts';

export interface SharedVolume {
  readonly namespace: string;
  /** Of the claim; the PersistentVolume is called after namespace and claim. */
  readonly claim: string;
  readonly mode: 'ReadWriteOnce' | 'ReadWriteMany' | 'ReadWriteOncePod';
  /** Makes the claim too; a StatefulSet makes its own. */
  readonly withClaim?: boolean;
  /** Says by annotation that it is the same on all nodes. */
  readonly stated?: boolean;
}

/** A PersistentVolume of the folder that all nodes of the lab share, and the claim that it is bound to. */
export function sharedVolume({ namespace, claim, mode, withClaim = true, stated = true }: SharedVolume): object[] {
  const name = `${namespace}-${claim}`;
  const common = { accessModes: [mode], storageClassName: '' };
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, ...(stated && { annotations: { 'kubectl-migrate.io/shared-storage': name } }) },
    spec: {
      ...common,
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claim },
      hostPath: { path: `/srv/shared/${name}`, type: 'DirectoryOrCreate' },
    },
  };
  return withClaim ? [volume, claimOf(namespace, claim, mode)] : [volume];
}

function claimOf(namespace: string, name: string, mode: SharedVolume['mode']): object {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace }, spec: claimSpec(mode) };
}

/** What a claim of such a volume asks for. */
export function claimSpec(mode: SharedVolume['mode']): object {
  return { accessModes: [mode], storageClassName: '', resources: { requests: { storage: '1Gi' } } };
}

/** Removes volumes of a namespace, which do not go with it, and their files. */
export async function removeVolumes(kubectl: Kubectl, namespace: string, claims: readonly string[]): Promise<void> {
  const names = claims.map((claim) => `${namespace}-${claim}`);
  const remove = (context: Context) =>
    kubectl.run(context, ['delete', 'pv', '--ignore-not-found', '--wait=false', ...names]);
  await Promise.all([remove('east'), remove('west')]);
  for (const name of names) rmSync(path.join(folders.shared, name), { recursive: true, force: true });
}
