import type { Argv } from 'yargs';

export type ListForm = 'table' | 'wide' | 'json' | 'yaml' | 'name';

/** `-o` of a command that prints one thing: for people, or for programs. */
export function resultForm<T>(yargs: Argv<T>) {
  return yargs.option('output', {
    alias: 'o',
    choices: ['table', 'json', 'yaml'] as const,
    default: 'table' as const,
    describe: 'form of the result',
  });
}

/** `-o` of a command that prints a list. */
export function listForm<T>(yargs: Argv<T>) {
  return yargs.option('output', {
    alias: 'o',
    choices: ['table', 'wide', 'json', 'yaml', 'name'] as const,
    default: 'table' as const,
    describe: 'form of the list',
  });
}

/** The form for programs, if one is wanted. Pure. */
export function structured(form: ListForm): 'json' | 'yaml' | undefined {
  return form === 'json' || form === 'yaml' ? form : undefined;
}

/** `-A` of a list that is of one namespace otherwise. */
export function allNamespaces<T>(yargs: Argv<T>) {
  return yargs.option('all-namespaces', {
    alias: 'A',
    type: 'boolean',
    default: false,
    group: 'Source:',
    describe: 'of all namespaces',
  });
}
