import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { folders } from './folders.ts';
import { statusOf } from './https.ts';
import { layoutDigest } from './oci-layout.ts';
import type { ProcessId } from './processes.ts';
import { fromRoot, startDetached } from './program.ts';
import { run, until } from './run.ts';
import { registryAddress } from './topology.ts';

/** Folder with the registry's authority, as skopeo takes it. */
const trust = path.join(folders.data, 'registry-trust');

/** Starts the registry, empty. Its cgroups and the bridge must exist. */
export function startRegistry(root: string, pki: string): ProcessId {
  for (const folder of [folders.registry, trust]) mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(pki, 'registry-ca.crt'), path.join(trust, 'ca.crt'));
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
export async function registryReady(pki: string): Promise<void> {
  const authority = readFileSync(path.join(pki, 'registry-ca.crt'), 'utf8');
  await until('the registry', 20, async () =>
    (await statusOf(`https://${registryAddress}/v2/`, authority)) === 200 ? true : undefined,
  );
}

/**
 * Pushes the image of an OCI layout folder to the lab's registry and returns its full reference by digest.
 * Pushing what is there already is cheap and changes nothing.
 * @param root root file system of the nodes; @param name repository and tag, for instance `redis:lab`.
 */
export async function pushLayout(root: string, layout: string, name: string): Promise<string> {
  const [program = '', ...args] = fromRoot(root, 'usr/bin/skopeo');
  await run(program, [
    ...args,
    ...['--insecure-policy', '--tmpdir', folders.data, 'copy', '--quiet', '--preserve-digests'],
    ...['--dest-cert-dir', trust, '--dest-no-creds', `oci:${layout}`, `docker://${registryAddress}/${name}`],
  ]);
  const repository = name.replace(/:[^:/]*$/, '');
  return `${registryAddress}/${repository}@${layoutDigest(layout)}`;
}
