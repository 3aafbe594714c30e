import { readdirSync, readFileSync } from 'node:fs';
import https from 'node:https';
import type { NodeName } from '../lab/index.ts';
import { registryAuthority } from '../lab/registry.ts';
import type { Scenario } from './scenario.ts';

/** The flag that a command needs for that registry. */
export const KNOWN_REGISTRY: readonly string[] = ['--registry-ca', registryAuthority];

/** Flags that choose the kubelet engine, with a repository of the scenario's own. */
export function byKubelet({ lab, namespace }: Scenario): string[] {
  return ['--engine', 'kubelet', '--registry', `${lab.registry}/checkpoints/${namespace}`, ...KNOWN_REGISTRY];
}

/** The checkpoints of a scenario in the registry: null when all are gone, undefined when there never was any. */
export async function tagsOf({ lab, namespace }: Scenario): Promise<readonly string[] | null | undefined> {
  const url = `https://${lab.registry}/v2/checkpoints/${namespace}/tags/list`;
  const text = await new Promise<string>((resolve, reject) => {
    https
      .get(url, { ca: readFileSync(registryAuthority) }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        answer.on('end', () => resolve(body));
      })
      .on('error', reject);
  });
  return (JSON.parse(text) as { tags?: string[] | null }).tags;
}

/** Where a node’s kubelet puts checkpoints, as the machine sees it through the node’s first process. */
export function archiveFolder({ lab }: Scenario, node: NodeName): string {
  return `/proc/${lab.nodes[node].init}/root/var/lib/kubelet/checkpoints`;
}

/** The checkpoints of a scenario on a node. */
export function archivesOn(scene: Scenario, node: NodeName): string[] {
  return readdirSync(archiveFolder(scene, node)).filter((name) => name.includes(scene.namespace));
}
