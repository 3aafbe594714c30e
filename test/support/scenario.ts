import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { onTestFailed } from 'vitest';
import { current, type Lab } from '../lab/index.ts';
import { type Context, type Ended, Kubectl, type ProcessOptions, runProcess } from './kubectl.ts';
import { type TerminalOptions, TerminalSession } from './terminal.ts';

/** What a scenario works with: two clusters, a namespace of its own in both, and the built program. */
export interface Scenario {
  readonly lab: Lab;
  readonly namespace: string;
  readonly kubectl: Kubectl;
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

/** Runs a scenario in namespaces of its own, which go away afterwards however it ends. `called`: of that very name. */
export async function scenario(
  name: string,
  act: (scenario: Scenario) => Promise<void>,
  called?: string,
): Promise<void> {
  const lab = current();
  if (!lab) throw new Error('no lab is running: npm run lab -- up');
  const kubectl = new Kubectl(lab);
  const namespace = called ?? `e2e-${name}-${randomBytes(3).toString('hex')}`;
  const home = mkdtempSync(path.join(tmpdir(), 'kubectl-migrate-home-'));
  const env = {
    KUBECONFIG: lab.kubeconfig,
    HOME: home,
    KUBECTL_MIGRATE_HELPER_IMAGE: process.env['KUBECTL_MIGRATE_HELPER_IMAGE'] ?? lab.helperImage ?? '',
  };
  const outputs: string[] = [];
  const sessions: TerminalSession[] = [];
  onTestFailed(() => {
    process.stderr.write(`\n--- ${name}\n${outputs.join('\n')}\n`);
  });
  const both = (work: (context: Context) => Promise<unknown>) => Promise.all((['east', 'west'] as const).map(work));
  await both(async (context) => {
    systemNamespaces[context] ??= ensureSystemNamespace(kubectl, context);
    await systemNamespaces[context];
    await kubectl.run(context, ['create', 'namespace', namespace]);
    const made = ['--for=create', 'serviceaccount/default', '--timeout=30s'];
    await kubectl.run(context, ['-n', namespace, 'wait', ...made]);
  });
  try {
    await act({
      lab,
      namespace,
      kubectl,
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
        const id = /\bm-[a-z0-9]{6}\b/.exec(ended.stderr + ended.stdout)?.[0];
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
    await both((context) => kubectl.try(context, ['delete', 'namespace', namespace, `--wait=${called !== undefined}`]));
    rmSync(home, { recursive: true, force: true });
  }
}

function builtProgram(): string {
  const program = process.env['KUBECTL_MIGRATE_PROGRAM'];
  if (!program) throw new Error('KUBECTL_MIGRATE_PROGRAM does not name the built program');
  return program;
}

async function snapshot(kubectl: Kubectl, namespace: readonly string[]): Promise<string[]> {
  const lists = (['east', 'west'] as const).map(async (context) => {
    const names = await kubectl.run(context, [...namespace, 'get', KINDS, '-o', 'name']);
    return names
      .split('\n')
      .filter(Boolean)
      .map((name) => `${context} ${name}`);
  });
  return (await Promise.all(lists)).flat().sort();
}

/** Once in each process that runs scenarios. */
const systemNamespaces: Partial<Record<Context, Promise<void>>> = {};

/** Scenarios run side by side; one that ends must not take the namespace of helper pods away from another. */
async function ensureSystemNamespace(kubectl: Kubectl, context: Context): Promise<void> {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'kubectl-migrate', labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
  };
  await kubectl.run(context, ['apply', '--server-side', '-f', '-'], JSON.stringify(manifest));
}
