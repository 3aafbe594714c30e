import { ENGINES } from '../../src/domain/plan.ts';
import { defineCommand } from '../command.ts';
import { clusterFlags, connectionComplaints } from '../flags/clusters.ts';
import { resultForm } from '../flags/output.ts';
import { registryCaFlag } from '../flags/registry.ts';

/** `kubectl migrate doctor`: whether moves between two clusters can work, and what to do where not. */
export const doctorCommand = defineCommand({
  usage: 'doctor',
  summary: 'Check both clusters, your permissions, the helper image and its registry',
  description:
    'Check everything that a move rests on, without a pod in mind: both API servers, nodes, your permissions, the\nnamespace of the helper pods, their image and its registry. Without a target the permissions are\nthose of moves from node to node. Reads only; says what to do for each finding.\nExit code 0: nothing stands in the way. 5: something does.',
  examples: [
    ['$0 doctor --context east --to-context west -n shop', 'check both clusters'],
    [
      '$0 doctor --context east --to-context west -n shop --roles',
      'print the roles that a move needs, for kubectl apply',
    ],
    [
      '$0 doctor --context east --to-context west -n shop --roles --roles-for jane@example.org',
      'the same for somebody else',
    ],
    ['$0 doctor --context east -n shop --roles', 'the same for moves from node to node of one cluster'],
  ],
  arguments: (yargs) =>
    registryCaFlag(resultForm(clusterFlags(yargs)))
      .option('helper-image', { type: 'string', describe: 'image of the helper pods' })
      .option('engine', {
        choices: ENGINES,
        default: 'helper' as const,
        describe: 'the engine whose permissions are looked at one by one',
      })
      .option('roles', {
        type: 'boolean',
        default: false,
        describe: 'print minimal roles and bindings as YAML instead',
      })
      .option('roles-for', {
        type: 'string',
        implies: 'roles',
        describe: 'the user whom they are for, as the API servers know it (default: you)',
      }),
  validate: (options) => connectionComplaints(options),
  run: async (options, streams) => (await import('../examine.ts')).examine(options, streams),
});
