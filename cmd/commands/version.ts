import { PROGRAM } from '../../src/domain/names.ts';
import { VERSION } from '../../src/domain/version.ts';
import { defineCommand } from '../command.ts';

/** `kubectl migrate version`. */
export const versionCommand = defineCommand({
  usage: 'version',
  summary: 'Print the version',
  examples: [],
  arguments: (yargs) => yargs,
  validate: () => [],
  run: async (_options, streams) => {
    streams.stdout.write(`${PROGRAM} ${VERSION}\n`);
    return 'done';
  },
});
