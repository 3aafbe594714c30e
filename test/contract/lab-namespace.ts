import { randomBytes } from 'node:crypto';
import process from 'node:process';
import type { Effect } from '../../src/domain/effect.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { type Cluster, connectCluster } from '../../src/kube/connect.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { RESOURCES } from '../../src/kube/resources.ts';

/** A cluster of the lab that KUBECTL_MIGRATE_LAB_KUBECONFIG names. */
export function connectLab(context: 'east' | 'west'): Cluster {
  const file = process.env['KUBECTL_MIGRATE_LAB_KUBECONFIG'];
  if (!file) throw new Error('KUBECTL_MIGRATE_LAB_KUBECONFIG is not set');
  const side = context === 'east' ? 'source' : 'target';
  return connectCluster({ kubeconfig: loadKubeconfig({ file }), context, side });
}

/** Makes a namespace of its own; `close` removes it and ends the connections. */
export async function labNamespace(
  cluster: Cluster,
  suite: string,
  namespace = `contract-${suite}-${randomBytes(3).toString('hex')}`,
): Promise<{ namespace: string; close(): Promise<void> }> {
  const object = { side: cluster.reader.side, apiVersion: 'v1', kind: 'Namespace', name: namespace };
  const effects = (['create', 'delete'] as const).map(
    (verb): Effect => ({ step: 'contract', phase: 'prepare', verb, object, detail: '' }),
  );
  const gateway = createGateway({ source: cluster.api, target: cluster.api, effects, clock: systemClock });
  const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await gateway.create(cluster.reader.side, RESOURCES.namespace, made);
  return {
    namespace,
    close: async () => {
      await gateway.delete({ ...object, resource: RESOURCES.namespace });
      cluster.close();
    },
  };
}
