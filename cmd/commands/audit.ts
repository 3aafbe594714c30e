import { defineCommand } from '../command.ts';
import { migrationComplaints, migrationFlags } from '../flags/migration.ts';

/** `kubectl migrate audit list`: who did what, as both clusters keep it. */
export const auditListCommand = defineCommand({
  usage: 'list',
  under: 'audit',
  summary: 'List who moved what, when, and how it ended',
  examples: [['$0 audit list --context east --to-context west -o json', 'keep it elsewhere: redirect this to a file']],
  arguments: (yargs) => migrationFlags(yargs),
  validate: (options) => migrationComplaints(options, false),
  run: async (options, streams) => (await import('../audit.ts')).listAudit(options, streams),
});

/** `kubectl migrate audit verify`: whether the record is as it was written. */
export const auditVerifyCommand = defineCommand({
  usage: 'verify',
  under: 'audit',
  summary: 'Find entries that were removed, changed or reordered',
  description:
    'Say whether somebody has removed, changed or reordered entries. Every entry holds the hash of the one before it, and the records of migrations, in the clusters and on this machine, hold where the audit record ended. What one cluster’s entries tell otherwise than the other’s shows when both clusters are named.',
  examples: [['$0 audit verify --context east --to-context west', 'verify both records, and each by the other']],
  arguments: (yargs) =>
    migrationFlags(yargs).option('filename', {
      alias: 'f',
      type: 'string',
      describe: 'verify what "audit list -o json" printed instead of what the clusters have',
    }),
  validate: (options) => migrationComplaints(options, false),
  run: async (options, streams) => (await import('../audit.ts')).verifyAudit(options, streams),
});
