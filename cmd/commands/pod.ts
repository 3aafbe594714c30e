import { COMMAND } from '../../src/domain/names.ts';
import { ENGINES, ROUTES } from '../../src/domain/plan.ts';
import { defineCommand } from '../command.ts';
import { clusterFlags, connectionComplaints, saysWhere } from '../flags/clusters.ts';
import { deadlineComplaints, deadlineFlags } from '../flags/deadlines.ts';
import { parseDuration } from '../flags/duration.ts';
import { registryComplaints, registryFlags } from '../flags/registry.ts';

/** A week. */
const LONGEST_HOLD_MS = 7 * 24 * 3_600_000;

/** `kubectl migrate pod`: moves one running pod to another cluster. */
export const podCommand = defineCommand({
  usage: 'pod [name]',
  aliases: ['pods', 'po'],
  summary: 'Move a running pod, memory and all, to another cluster or node',
  examples: [
    ['$0 pod', 'ask for everything: what to move, and where to'],
    ['$0 pod redis -n shop --context east --to-context west', 'show the plan, ask, and move'],
    ['$0 pod db-0 -n shop --to-node east-2', 'move it to another node of the same cluster'],
    ['$0 pod redis -n shop --to-context west --dry-run', 'show the plan and change nothing'],
    [
      '$0 pod redis --to-context west --to-node west-2 --yes -o json',
      'move without asking, events as NDJSON on stderr',
    ],
  ],
  arguments: (yargs) =>
    deadlineFlags(
      registryFlags(clusterFlags(yargs))
        .positional('name', { type: 'string', describe: 'the pod: NAME or pod/NAME' })
        .option('selector', {
          alias: 'l',
          type: 'string',
          group: 'Source:',
          describe: 'all pods with these labels (plan only)',
        })
        .option('all', {
          type: 'boolean',
          default: false,
          group: 'Source:',
          describe: 'all pods of the namespace (plan only)',
        })
        .option('all-replicas', {
          type: 'boolean',
          default: false,
          group: 'Source:',
          describe: 'the other pods of its owner as well, one after the other, each by a plan of its own',
        })
        .option('container', {
          alias: 'c',
          type: 'string',
          group: 'Source:',
          describe: 'the one container that moves with its memory; the others start afresh (default: all move)',
        })
        .option('engine', {
          choices: ['auto', ...ENGINES] as const,
          default: 'auto' as const,
          describe: 'who takes and restores the process image; auto: the helper where it is allowed, else kubelet',
        })
        .option('route', {
          choices: ROUTES,
          default: 'endpoints' as const,
          describe: 'how clients of the source cluster get to the target',
        })
        .option('helper-image', { type: 'string', describe: 'image of the helper pods (KUBECTL_MIGRATE_HELPER_IMAGE)' })
        .option('ignore-managers', {
          type: 'boolean',
          default: false,
          describe: 'move although Argo CD or Flux manages the owner: it has been told to leave it alone',
        })
        .option('copy-dependencies', {
          type: 'boolean',
          default: false,
          describe: 'make the ConfigMaps, Secrets and ServiceAccounts that the target lacks',
        })
        .option('overwrite', {
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'have the source’s NAME or KIND/NAME in the target, where the two differ; may be repeated',
        })
        .option('hold', {
          type: 'string',
          describe: 'keep the source stopped for so long after the commit (30m), so that one can go back: rollback',
        })
        .option('force-unlock', {
          type: 'boolean',
          default: false,
          describe: 'take the lock that another migration of the pod left, if nobody is at work on that',
        })
        .option('dry-run', {
          choices: ['none', 'client', 'server'] as const,
          default: 'none' as const,
          describe: 'print the plan that would run, change nothing; server also has the API servers check every write',
        })
        .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' })
        .option('output', {
          alias: 'o',
          choices: ['json', 'yaml'] as const,
          describe: 'print plan and result in this form',
        }),
    ),
  // Help and completion do without the clients of the clusters, which take longer to load than all the rest.
  complete: async (options, streams) =>
    (await import('../pickers/pod.ts')).pickPod({ ...options, several: isSeveral(options) }, streams),
  validate: (options) => {
    const complaints = [
      ...connectionComplaints(options),
      ...deadlineComplaints(options),
      ...holdComplaints(options),
      ...registryComplaints(options),
      ...whichPod(options),
    ];
    if (options['all-replicas'] && options['dry-run'] !== 'none')
      complaints.push('--all-replicas plans each pod when the one before has moved: see the first plan without it');
    if (!saysWhere(options)) {
      complaints.push('where to? name another cluster with --to-context, or a node of the same with --to-node');
    }
    if (options['to-node'] !== undefined && options['to-node-selector'] !== undefined)
      complaints.push('--to-node and --to-node-selector both choose the node: give one');
    return complaints;
  },
  run: async (options, streams) => {
    const { migratePod } = await import('../migrate-pod.ts');
    return migratePod({ ...options, pod: podName(options.name) }, streams);
  },
});

/** Complaints about how long the source is to be held. Pure. */
function holdComplaints({
  hold,
  'all-replicas': all,
}: {
  hold?: string | undefined;
  'all-replicas': boolean;
}): string[] {
  if (hold === undefined) return [];
  const ms = parseDuration(hold);
  if (ms === undefined) return [`--hold: '${hold}' is not a duration such as 30s or 2m`];
  if (ms > LONGEST_HOLD_MS) return [`--hold: '${hold}' is too long, it takes at most 168h`];
  // The owner of a held pod is held with it.
  return all ? ['--hold keeps the owner from moving its other pods: it does not go with --all-replicas'] : [];
}

interface Which {
  readonly name?: string | undefined;
  readonly selector?: string | undefined;
  readonly all: boolean;
}

function isSeveral({ selector, all }: Which): boolean {
  return selector !== undefined || all;
}

/** Complaints about which pod is meant. Pure. */
function whichPod(options: Which & { readonly 'dry-run': string }): string[] {
  const { name, selector, all } = options;
  if (isSeveral(options)) {
    if (name !== undefined || (selector !== undefined && all)) return ['name a pod, or say --selector, or --all'];
    if (selector === '') return ['--selector has no value'];
    if (options['dry-run'] !== 'none') return [];
    return [
      `several pods are moved by a plan file: ${COMMAND} plan pod … -o yaml > window.yaml, then ${COMMAND} apply -f`,
    ];
  }
  if (name === undefined) return [`which pod? name it: ${COMMAND} pod NAME (in a terminal it is asked for)`];
  return podName(name) === undefined ? [`'${name}' is not a pod: use NAME or pod/NAME`] : [];
}

/** `NAME`, `pod/NAME`, `pods/NAME` and `po/NAME` name a pod; anything else with a slash, or no object name, does not. Pure. */
export function podName(argument: string | undefined): string | undefined {
  const name = argument?.replace(/^(pods?|po)\//, '');
  return name !== undefined && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) ? name : undefined;
}
