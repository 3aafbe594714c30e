import { COMMAND, PROGRAM } from '../../src/domain/names.ts';
import { defineCommand } from '../command.ts';

/** As kubectl looks for it: `kubectl_complete-migrate`. */
const SCRIPT = PROGRAM.replace('kubectl-', 'kubectl_complete-');

/** `kubectl migrate completion`: the script that kubectl looks for. */
export const completionCommand = defineCommand({
  usage: 'completion [shell]',
  summary: `Print the script that completes "${COMMAND} <TAB>"`,
  description: `Print the script ${SCRIPT}. kubectl (1.26 and later) runs it when Tab is pressed behind "${COMMAND}";\nit has to be executable and on PATH. Contexts, namespaces, pods, nodes and migration ids come live from the clusters.`,
  examples: [[`$0 completion > ~/.local/bin/${SCRIPT} && chmod +x ~/.local/bin/${SCRIPT}`, 'set it up']],
  arguments: (yargs) => yargs.positional('shell', { type: 'string', describe: 'none: one script serves every shell' }),
  // Sourced in a shell, as kubectl's own script is, this one would end it.
  validate: ({ shell }) =>
    shell === undefined
      ? []
      : [
          `one script serves every shell: it is run by what kubectl's own "kubectl completion ${shell}" sets up\nput it on PATH: ${COMMAND} completion > ~/.local/bin/${SCRIPT} && chmod +x ~/.local/bin/${SCRIPT}`,
        ],
  run: async (_options, streams) => {
    streams.stdout.write(completionScript());
    return 'done';
  },
});

/** Pure. The plugin itself is called, not kubectl again: that is one start less between Tab and answer. */
export function completionScript(): string {
  return `#!/bin/sh\n# Completes "${COMMAND}" for kubectl 1.26 and later: executable, on PATH, as ${SCRIPT}.\nexec ${PROGRAM} __complete "$@"\n`;
}
