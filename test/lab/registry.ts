import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pushLayout as push } from '../../src/helper/image/push.ts';
import { folders } from './folders.ts';
import { statusOf } from './https.ts';
import { layoutDigest } from './oci-layout.ts';
import type { ProcessId } from './processes.ts';
import { fromRoot, startDetached } from './program.ts';
import { until } from './run.ts';
import { registryAddress } from './topology.ts';

/** The registry's registryAuthority, for whoever pushes. */
export const registryAuthority = path.join(folders.data, 'registry-trust/ca.crt');

/** Starts the registry, empty. Its cgroups and the bridge must exist. */
export function startRegistry(root: string, pki: string): ProcessId {
  for (const folder of [folders.registry, path.dirname(registryAuthority)]) mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(pki, 'registry-ca.crt'), registryAuthority);
  const configuration = path.join(folders.registry, 'config.json');
  writeFileSync(
    configuration,
    JSON.stringify({
      version: '0.1',
      log: { accesslog: { disabled: true }, level: 'warn' },
      storage: { filesystem: { rootdirectory: path.join(folders.registry, 'data') }, delete: { enabled: true } },
      http: {
        addr: registryAddress,
        tls: { certificate: path.join(pki, 'registry.crt'), key: path.join(pki, 'registry.key') },
      },
    }),
  );
  return startDetached('registry', {
    name: 'registry',
    command: [...fromRoot(root, 'usr/bin/docker-registry'), 'serve', configuration],
  });
}

/**
 * Waits until the registry answers.
 * @throws when it does not within 20 s.
 */
export async function registryReady(): Promise<void> {
  const trusted = readFileSync(registryAuthority, 'utf8');
  await until('the registry', 20, async () =>
    (await statusOf(`https://${registryAddress}/v2/`, trusted)) === 200 ? true : undefined,
  );
}

/**
 * Pushes the image of an OCI layout folder to the lab's registry and returns its full reference by digest.
 * Pushing what is there already is cheap and changes nothing.
 * @param name repository and tag, for instance `redis:lab`.
 */
export async function pushLayout(layout: string, name: string): Promise<string> {
  const [repository = name, tag = 'lab'] = name.split(':');
  await push(layout, { registry: registryAddress, repository, tag, ca: readFileSync(registryAuthority, 'utf8') });
  return `${registryAddress}/${repository}@${layoutDigest(layout)}`;
}
