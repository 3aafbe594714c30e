import type { KubeObject, NodeSelector } from './objects.ts';

/** ReadWriteOnce: one node at a time. ReadWriteOncePod: one pod. ReadOnlyMany and ReadWriteMany: as many nodes as there are. */
export type AccessMode = 'ReadWriteOnce' | 'ReadOnlyMany' | 'ReadWriteMany' | 'ReadWriteOncePod';

export interface PersistentVolumeClaim extends KubeObject {
  spec: { accessModes?: AccessMode[]; volumeName?: string; storageClassName?: string; [field: string]: unknown };
  status?: { phase?: string };
}

/** A volume has exactly one source, named by its key (`csi`, `nfs`, ...). */
export interface PersistentVolume extends KubeObject {
  spec: {
    accessModes?: AccessMode[];
    csi?: { driver: string; volumeHandle: string };
    nfs?: { server: string; path: string };
    hostPath?: { path: string };
    local?: { path: string };
    nodeAffinity?: { required?: NodeSelector };
    persistentVolumeReclaimPolicy?: string;
    [field: string]: unknown;
  };
}
