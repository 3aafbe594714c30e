import { readFileSync } from 'node:fs';
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

/** The checkpoints of a scenario in the folder where a node’s kubelet puts them. */
export async function archivesOn({ lab, namespace }: Scenario, node: NodeName): Promise<string[]> {
  const { stdout } = await lab.exec(node, ['ls', '/var/lib/kubelet/checkpoints']);
  return stdout.split('\n').filter((name) => name.includes(namespace));
}
