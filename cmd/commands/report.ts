import { defineCommand } from '../command.ts';
import { clusterFlags } from '../flags/clusters.ts';
import { migrationComplaints } from '../flags/migration.ts';

/** `kubectl migrate report`: what a migration did, for a change record. */
export const reportCommand = defineCommand({
  usage: 'report [id]',
  summary: 'Print what a migration did, as one page for a change record',
  description:
    'Print what a migration did: facts, timeline, sizes, checks and every declared change, as one self-contained page.',
  examples: [
    ['$0 report m-7f3kq9 -o html > report.html', 'a page for the change record'],
    ['$0 report m-7f3kq9 --to-context west', 'by the copy in the target, where the source cluster is gone'],
  ],
  arguments: (yargs) =>
    clusterFlags(yargs)
      .positional('id', { type: 'string', describe: 'id of the migration' })
      .option('output', {
        alias: 'o',
        choices: ['html', 'json', 'yaml'] as const,
        default: 'html' as const,
        describe: 'form of the report',
      }),
  validate: ({ output: _form, ...options }) => migrationComplaints(options, true),
  run: async (options, streams) =>
    (await import('../show-report.ts')).showReport({ ...options, id: options.id ?? '' }, streams),
});
