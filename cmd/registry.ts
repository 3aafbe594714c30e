import { readFileSync } from 'node:fs';
import { MigrateError } from '../src/domain/errors.ts';
import { loginFor } from '../src/transfer/registry/credentials.ts';
import type { RepositoryRef } from '../src/transfer/registry/reference.ts';
import { connectRegistry, type Registry } from '../src/transfer/registry/registry.ts';
import type { RegistryFlags } from './flags/registry.ts';

/** Connects with the login that `docker login` has kept; sends nothing yet. Throws F381 for an authority that cannot be read. */
export function registryFor(
  { host, repository }: RepositoryRef,
  flags: RegistryFlags,
  env: Readonly<Record<string, string | undefined>>,
): Registry {
  const file = flags['registry-ca'];
  const login = () => loginFor(host, env);
  return connectRegistry({ host, repository, login, ...(file !== undefined && { ca: authority(file) }) });
}

function authority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new MigrateError('F381', {
      detail: `the authority ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: 'name a readable PEM file with --registry-ca',
      cause,
    });
  }
}
