import { defineCommand } from '../command.ts';
import { clusterFlags, connectionComplaints } from '../flags/clusters.ts';
import { registryCaFlag, registryComplaints } from '../flags/registry.ts';

/** `kubectl migrate apply -f`: carries out plans that were made earlier, or says what has changed since. */
export const applyCommand = defineCommand({
  usage: 'apply',
  summary: 'Carry out a plan that was made earlier, or refuse because the clusters have changed',
  description:
    'Carry out plans that were made with "plan pod … -o yaml", in their order, stopping at the first failure.\nBefore anything begins each is made anew from the clusters as they are now: where the two differ in anything but\nstatus, nothing is done and every difference is named, field by field.',
  examples: [
    ['$0 apply -f window.yaml', 'check for drift, show the plans, ask, and move'],
    ['$0 apply -f window.yaml --yes -o json', 'without asking, events as NDJSON on stderr'],
  ],
  arguments: (yargs) =>
    registryCaFlag(clusterFlags(yargs))
      .option('filename', {
        alias: 'f',
        type: 'string',
        demandOption: true,
        describe: 'file with plans; - is standard input',
      })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' })
      .option('force-unlock', {
        type: 'boolean',
        default: false,
        describe: 'take the lock that another migration of the pod left, if nobody is at work on that',
      })
      .option('output', { alias: 'o', choices: ['json', 'yaml'] as const, describe: 'print results in this form' }),
  validate: (options) => {
    const complaints = [...connectionComplaints(options), ...registryComplaints(options)];
    if (options.filename === '') complaints.push('--filename has no value');
    for (const flag of ['namespace', 'to-namespace', 'to-node'] as const) {
      if (options[flag] !== undefined) complaints.push(`--${flag} is part of the plan: make a new one`);
    }
    return complaints;
  },
  run: async (options, streams) => (await import('../apply-plans.ts')).applyPlans(options, streams),
});
