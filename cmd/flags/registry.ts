import type { Argv } from 'yargs';
import { parseRepository } from '../../src/transfer/registry/reference.ts';

/** Flags about the registry that the kubelet engine hands a checkpoint over by. */
export function registryFlags<T>(yargs: Argv<T>) {
  return registryCaFlag(yargs).option('registry', {
    type: 'string',
    describe: 'HOST/REPOSITORY for the checkpoint of the kubelet engine',
  });
}

/** The flag that is no part of a plan, because it names a file of this machine. */
export function registryCaFlag<T>(yargs: Argv<T>) {
  return yargs.option('registry-ca', {
    type: 'string',
    describe: 'file with the authority that signed the registry’s certificate',
  });
}

export interface RegistryFlags {
  readonly registry?: string | undefined;
  readonly 'registry-ca'?: string | undefined;
}

/** Complaints about a registry that is none. Pure. */
export function registryComplaints({ registry, 'registry-ca': ca }: RegistryFlags): string[] {
  const complaints = ca === '' ? ['--registry-ca has no value'] : [];
  if (registry === undefined || parseRepository(registry)) return complaints;
  return [...complaints, `--registry: '${registry}' is not HOST/REPOSITORY, such as registry.example/team/checkpoints`];
}
