import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RepositoryRef } from '../../src/transfer/registry/reference.ts';
import { connectRegistry, type Registry } from '../../src/transfer/registry/registry.ts';
import { registryAuthority } from '../lab/registry.ts';
import { registryAddress } from '../lab/topology.ts';

/** A client of the lab's registry, which deletes when asked to, for a repository that nothing else uses. */
export function labRegistry(suite: string): Registry & RepositoryRef {
  const place = { host: registryAddress, repository: `contract/${suite}-${randomBytes(3).toString('hex')}` };
  return { ...place, ...connectRegistry({ ...place, ca: readFileSync(registryAuthority, 'utf8') }) };
}
