import { defineCommand } from '../command.ts';
import { podCommand } from './pod.ts';

/** `kubectl migrate plan pod`: what `pod --dry-run` does. */
export const planPodCommand = defineCommand({
  ...podCommand,
  under: 'plan',
  summary: 'Make the plan of a move, and change nothing',
  description:
    'Make the plan of a move, after the same checks as the move itself, and change nothing.\nExit code 0: the plan can be carried out. 5: declined, with every reason.',
  examples: [
    ['$0 plan pod redis -n shop --to-context west', 'see every change to either cluster, and how long it will take'],
    ['$0 plan pod redis -n shop --to-context west -o yaml > window.yaml', 'save the plan for a change window'],
    ['$0 plan pod -l app=cart -n shop --to-context west -o yaml > window.yaml', 'one file for several pods'],
    ['$0 plan pod redis --to-context west --dry-run=server', 'have the API servers check every write'],
  ],
  validate: (options) => podCommand.validate(planned(options)),
  run: (options, streams) => podCommand.run(planned(options), streams),
});

function planned<Options extends { readonly 'dry-run': string }>(options: Options) {
  return { ...options, 'dry-run': options['dry-run'] === 'server' ? ('server' as const) : ('client' as const) };
}
