import { spawn } from 'node:child_process';
import process from 'node:process';
import type { Lab } from '../lab/index.ts';

export type Context = 'east' | 'west';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that was started. */
export type Child = ReturnType<typeof spawn>;

export interface ProcessOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the process as soon as it runs, for signals. */
  readonly onStart?: (child: Child) => void;
  /** Gets what the process writes to stderr, as it comes. */
  readonly onStderr?: (text: string) => void;
}

/** The code of a process that a signal has ended. */
export const KILLED = 128;

/** Runs a program to its end; never throws for its exit code. */
export function runProcess(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...options.env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      options.onStderr?.(String(chunk));
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? KILLED, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    options.onStart?.(child);
  });
}

/** kubectl lives for a tenth of a second: what its garbage collector costs is a sixth of that. */
const WITHOUT_COLLECTOR = { GOGC: 'off' };

/** kubectl of the lab. Methods that say so throw when kubectl fails. */
export class Kubectl {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Runs kubectl with whatever ends. */
  try(context: Context, args: readonly string[], input?: string): Promise<Ended> {
    const all = ['--kubeconfig', this.#lab.kubeconfig, '--context', context, ...args];
    return runProcess(this.#lab.kubectl, all, { env: WITHOUT_COLLECTOR, ...(input !== undefined && { input }) });
  }

  /** Runs kubectl; throws with its words when it fails. Yields stdout. */
  async run(context: Context, args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(context, args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} in ${context}: ${stderr.trim()}`);
    return stdout;
  }

  /** Reads an object, or a list of them, as JSON. */
  async json<T>(context: Context, args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(context, ['get', ...args, '-o', 'json'])) as T;
  }

  /** Creates or changes objects. */
  async apply(context: Context, objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.run(context, ['apply', '-f', '-'], JSON.stringify(list));
  }

  /** Asks a pod over HTTP through the API server. */
  async http<T>(context: Context, namespace: string, pod: string, port: number, path = '/'): Promise<T> {
    const url = `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`;
    return JSON.parse(await this.run(context, ['get', '--raw', url])) as T;
  }

  /**
   * Waits until a pod is Ready and stays so; throws after `seconds`. Kubelet takes it back for up to a second when it had begun
   * to write a status before the probe succeeded (SyncPod of pkg/kubelet, SetContainerReadiness of its status manager).
   */
  async ready(context: Context, namespace: string, pod: string, seconds = 60): Promise<void> {
    const wait = (condition: string, timeout: string) => [
      ...['-n', namespace, 'wait', `pod/${pod}`, `--for=condition=${condition}`, `--timeout=${timeout}`],
    ];
    do await this.run(context, wait('Ready', `${seconds}s`));
    while ((await this.try(context, wait('Ready=False', '500ms'))).code === 0);
  }

  /** Waits until an owner, such as `deployment/web`, has the pods that it wants, and all of them are Ready and stay so. */
  async rolledOut(context: Context, namespace: string, owner: string): Promise<void> {
    await this.run(context, ['-n', namespace, 'rollout', 'status', owner, '--timeout=60s']);
    const [, app] = owner.split('/');
    const pods = await this.run(context, ['-n', namespace, 'get', 'pods', '-l', `app=${app}`, '-o', 'name']);
    const names = pods.split('\n').filter(Boolean);
    await Promise.all(names.map((name) => this.ready(context, namespace, name.replace('pod/', ''))));
  }
}
