import { defineCommand } from '../command.ts';
import { resultForm } from '../flags/output.ts';
import { podCommand, podName } from './pod.ts';

/** `kubectl migrate check pod`: whether a pod can be moved, and where to. */
export const checkPodCommand = defineCommand({
  usage: 'pod [name]',
  under: 'check',
  summary: 'Check whether a pod can be moved, and to which nodes',
  description:
    'Check a pod against both clusters: everything that stands in the way, everything worth knowing, and each node of\nthe target with a verdict. Asks the API servers alone, and says what only the nodes can tell; with --probe asks the\nsource’s node and the one that is chosen as well, by helper pods that are shown before and removed again.\nExit code 0: it can be moved. 5: it cannot.',
  examples: [
    ['$0 check pod redis -n shop --to-context west', 'every finding with its code, and each node with a verdict'],
    ['$0 check pod redis -n shop --to-context west --probe', 'the same, with what only the nodes can tell'],
  ],
  arguments: (yargs) => {
    const flags = podCommand.arguments(yargs);
    return resultForm(flags).option('probe', {
      type: 'boolean',
      default: false,
      describe: 'ask the two nodes as well: makes helper pods and removes them again',
    });
  },
  complete: (options, streams) =>
    podCommand.complete?.({ ...options, output: undefined }, streams) ?? Promise.resolve({}),
  validate: (options) => {
    const several = options.selector !== undefined || options.all ? ['check takes one pod'] : [];
    return [...podCommand.validate({ ...options, output: undefined, 'dry-run': 'client' }), ...several];
  },
  run: async (options, streams) =>
    (await import('../check-pod.ts')).checkPod({ ...options, pod: podName(options.name) }, streams),
});
