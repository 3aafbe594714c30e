import { randomBytes } from 'node:crypto';
import path from 'node:path';
import process from 'node:process';
import { inject, onTestFailed } from 'vitest';
import { current, type Lab } from '../lab/index.ts';
import { type Context, type Ended, Kubectl, type ProcessOptions, runProcess } from './kubectl.ts';
import { type Right, type Rule, settleIn, writeKubeconfig } from './rights.ts';
import { migrationIn } from './said.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { type TerminalOptions, TerminalSession } from './terminal.ts';

/** What a scenario works with: two clusters, a namespace of its own in both, and the built program. */
export interface Scenario {
  readonly lab: Lab;
  readonly namespace: string;
  /** Everything is allowed to it, as to the lab's own kubeconfig. */
  readonly kubectl: Kubectl;
  /** The kubeconfig of `migrate` and `terminal`, whose users may do what the scenario's rights say and nothing else. */
  readonly kubeconfig: string;
  /** Runs `kubectl migrate` as built, with the scenario's namespace unless `bare`; `--yes` is up to the caller. */
  migrate(args: readonly string[], options?: ProcessOptions & { readonly bare?: boolean }): Promise<Ended>;
  /** Opens `kubectl migrate` as built in a pseudo-terminal. */
  terminal(args: readonly string[], options?: Omit<TerminalOptions, 'program'>): TerminalSession;
  /** Names of everything in the scenario's namespaces that a migration could leave behind, for before and after. */
  objects(): Promise<string[]>;
  /** Names of what is left in the system namespaces of the migration that a run's output tells of. */
  leftOf(ended: Ended): Promise<string[]>;
}

const KINDS = 'pods,services,endpoints,endpointslices,configmaps,secrets,serviceaccounts';
/** Without what controllers make for a Service and take away again when they come to it. */
const NOT_OF_CONTROLLERS = [
  'endpoints.kubernetes.io/managed-by!=endpoint-controller',
  'endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io',
  'endpointslice.kubernetes.io/managed-by!=endpointslicemirroring-controller.k8s.io',
].join(',');

export interface ScenarioOptions {
  /** Part of the namespace's name. */
  readonly name: string;
  /** The moves whose printed roles the program runs under, and no others; default: those from east to west. */
  readonly rights?: readonly Right[];
  /** What the program needs beyond them, cluster-wide in both clusters. */
  readonly also?: readonly Rule[];
  /** The namespace is of that very name. */
  readonly namespace?: string;
}

/** For a scenario that moves in both directions. */
export const THERE_AND_BACK: readonly Right[] = ['east to west', 'west to east'];

/** Runs a scenario in namespaces of its own, which go away afterwards however it ends. */
export async function scenario(
  called: string | ScenarioOptions,
  act: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  const options: ScenarioOptions = typeof called === 'string' ? { name: called } : called;
  const { name, rights = ['east to west'], also = [] } = options;
  const lab = current();
  if (!lab) throw new Error('no lab is running: npm run lab -- up');
  const kubectl = new Kubectl(lab);
  const namespace = options.namespace ?? `e2e-${name}-${randomBytes(3).toString('hex')}`;
  const home = temporaryFolder();
  const kubeconfig = path.join(home, 'kubeconfig');
  const env = {
    KUBECONFIG: kubeconfig,
    HOME: home,
    KUBECTL_MIGRATE_HELPER_IMAGE: process.env['KUBECTL_MIGRATE_HELPER_IMAGE'] ?? lab.helperImage ?? '',
  };
  const outputs: string[] = [];
  const sessions: TerminalSession[] = [];
  onTestFailed(() => {
    process.stderr.write(`\n--- ${name}\n${outputs.join('\n')}\n`);
  });
  const both = <T>(work: (context: Context) => Promise<T>) => Promise.all([work('east'), work('west')]);
  const roles = inject('roles');
  const [east, west] = await both((context) =>
    settleIn(kubectl, context, { namespace, also, roles: rights.flatMap((right) => roles[right]?.[context] ?? []) }),
  );
  writeKubeconfig(kubeconfig, lab.kubeconfig, { east: east.token, west: west.token });
  try {
    await act({
      lab,
      namespace,
      kubectl,
      kubeconfig,
      migrate: async (args, options = {}) => {
        const words = options.bare ? [...args] : [...args, '-n', namespace];
        const ended = await runProcess(builtProgram(), words, { ...options, env: { ...env, ...options.env } });
        outputs.push(`$ kubectl migrate ${words.join(' ')}\n${ended.stderr}${ended.stdout}exit ${ended.code}`);
        return ended;
      },
      terminal: (args, options = {}) => {
        const session = new TerminalSession(args, {
          ...options,
          program: [builtProgram()],
          env: { ...env, ...options.env },
        });
        sessions.push(session);
        return session;
      },
      objects: () => snapshot(kubectl, ['-n', namespace]),
      leftOf: async (ended) => {
        const id = migrationIn(ended.stderr + ended.stdout);
        if (!id) throw new Error('the output names no migration');
        const names = await snapshot(kubectl, ['-n', 'kubectl-migrate']);
        return names.filter((name) => name.includes(id));
      },
    });
  } finally {
    for (const session of sessions) {
      outputs.push(session.screen());
      await session.end();
    }
    const wait = `--wait=${options.namespace !== undefined}`;
    await both(async (context) => {
      const { outlasting } = { east, west }[context];
      const all = [`namespace/${namespace}`, ...outlasting];
      await kubectl.try(context, ['-n', 'kubectl-migrate', 'delete', ...all, '--ignore-not-found', wait]);
    });
  }
}

function builtProgram(): string {
  const program = process.env['KUBECTL_MIGRATE_PROGRAM'];
  if (!program) throw new Error('KUBECTL_MIGRATE_PROGRAM does not name the built program');
  return program;
}

async function snapshot(kubectl: Kubectl, namespace: readonly string[]): Promise<string[]> {
  const lists = (['east', 'west'] as const).map(async (context) => {
    const names = await kubectl.run(context, [...namespace, 'get', KINDS, '-l', NOT_OF_CONTROLLERS, '-o', 'name']);
    return names
      .split('\n')
      .filter(Boolean)
      .map((name) => `${context} ${name}`);
  });
  return (await Promise.all(lists)).flat().sort();
}
