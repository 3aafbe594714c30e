import type { Argv } from 'yargs';
import { isMigrationId } from '../../src/domain/names.ts';
import { type ConnectionOptions, clusterFlags, connectionComplaints } from './clusters.ts';
import { registryCaFlag } from './registry.ts';

export interface MigrationFlags extends Partial<ConnectionOptions> {
  readonly output?: 'json' | 'yaml' | undefined;
}

/** Flags of every command about a migration: where its record is looked for, and the form of the answer. */
export function migrationFlags<T>(yargs: Argv<T>): Argv<T & MigrationFlags> {
  return registryCaFlag(clusterFlags(yargs)).option('output', {
    alias: 'o',
    choices: ['json', 'yaml'] as const,
    describe: 'print the result in this form',
  }) as unknown as Argv<T & MigrationFlags>;
}

/** The same with the id of one migration, and with what it takes to work on it. */
export function workFlags<T>(yargs: Argv<T>): Argv<T & MigrationFlags & { id?: string; 'force-unlock': boolean }> {
  return migrationFlags(yargs)
    .positional('id', { type: 'string', describe: 'the migration, such as m-7f3kqd' })
    .option('force-unlock', {
      type: 'boolean',
      default: false,
      describe: 'take the lock that another migration of the pod left, if nobody is at work on that',
    }) as unknown as Argv<T & MigrationFlags & { id?: string; 'force-unlock': boolean }>;
}

/** Complaints about the id and the connections. Pure. */
export function migrationComplaints(
  options: MigrationFlags & { readonly id?: string | undefined },
  needsId: boolean,
): string[] {
  const { id } = options;
  const complaints = connectionComplaints(options);
  if (id === undefined && needsId) complaints.push('which migration? name its id; list shows them');
  if (id !== undefined && !isMigrationId(id)) complaints.push(`'${id}' is not the id of a migration`);
  return complaints;
}
