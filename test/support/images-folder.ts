import path from 'node:path';
import type { NodeName } from '../lab/index.ts';
import type { Scenario } from './scenario.ts';

/** Where the target helper keeps the first container's images, as the machine sees it through the node's first process. */
export async function imagesFolder({ lab, kubectl }: Scenario, migration: string, node: NodeName): Promise<string> {
  const helper = await kubectl.json<{ metadata: { uid: string } }>(lab.nodes[node].cluster, [
    ...['-n', 'kubectl-migrate', 'pod', `helper-${migration}-target`],
  ]);
  const kubelet = path.join('/proc', String(lab.nodes[node].init), 'root/var/lib/kubelet');
  return path.join(kubelet, 'pods', helper.metadata.uid, 'volumes/kubernetes.io~empty-dir/images/img/0');
}
