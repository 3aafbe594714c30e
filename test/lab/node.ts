import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hierarchies } from './cgroup.ts';
import { folders } from './folders.ts';
import { nodeFiles, runtimeEndpoint } from './node-files.ts';
import { identify, isAlive, type ProcessId } from './processes.ts';
import { insideNode, type Program, startDetached } from './program.ts';
import { Hopeless, until } from './run.ts';
import type { RuntimeName } from './state.ts';
import { type NodeName, nodes } from './topology.ts';

export interface NodeParts {
  /** Root file systems to stack below the node's own, the topmost first. */
  readonly layers: readonly string[];
  readonly pki: string;
  readonly root: string;
  readonly runtime: RuntimeName | undefined;
}

/** A node whose namespaces exist. */
export interface StartedNode {
  /** Process that made the namespaces and waits for their end. */
  readonly outer: ProcessId;
  /** First process inside, by the number the machine knows it by. */
  readonly init: ProcessId;
}

/**
 * Makes a node's namespaces and root; nothing of Kubernetes runs in it yet. Its cgroups must exist.
 * @param started is told about the first process as soon as there is one.
 */
export async function startNode(
  name: NodeName,
  parts: NodeParts,
  started: (outer: ProcessId) => void,
): Promise<StartedNode> {
  const home = path.join(folders.nodes, name);
  const [upper, work, merged, data] = ['upper', 'work', 'root', 'data'].map((part) => path.join(home, part));
  if (upper === undefined || work === undefined || merged === undefined || data === undefined)
    throw new Error('unreachable');
  for (const folder of [upper, work, merged, data, folders.shared]) mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(nodeFiles(name, parts.runtime, parts.pki, parts.root))) {
    const target = path.join(upper, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, content, { mode: file.endsWith('.key') ? 0o600 : 0o644 });
  }
  // A copy: the overlay would otherwise show a file of the checkout, which may change under a running node.
  const script = path.join(home, 'init.sh');
  copyFileSync(path.join(import.meta.dirname, 'node-init.sh'), script);
  const mounts = hierarchies().map(({ folder, mountOptions }) => `${path.basename(folder)}=${mountOptions}`);
  const outer = startDetached(name, {
    name: 'init',
    command: [
      ...['unshare', '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--fork', '--kill-child', '--'],
      ...['/bin/sh', script, merged, parts.layers.join(':'), upper, work, data, folders.shared, name, ...mounts],
    ],
  });
  started(outer);
  const init = await until(`namespaces of ${name} ('logs ${name} init' may tell why)`, 20, async () => {
    if (!isAlive(outer)) throw new Hopeless('its first process ended');
    const file = path.join(data, 'init.pid');
    const id = existsSync(file) ? identify(Number(readFileSync(file, 'utf8'))) : undefined;
    return id !== undefined && existsSync(`/proc/${id.pid}/root/run/lab-node-is-set-up`) ? id : undefined;
  });
  return { outer, init };
}

/** The container runtime of a node. */
export function runtimeProgram(init: number, runtime: RuntimeName | undefined): Program {
  const name = runtime === 'crio' ? 'crio' : 'containerd';
  return { name, command: insideNode(init, [name]) };
}

/** What runs on every node beside its container runtime, once there is an API server to talk to. */
export function nodePrograms(name: NodeName, init: number): Program[] {
  const kubelet = [
    'kubelet',
    '--config=/etc/kubernetes/kubelet.yaml',
    '--kubeconfig=/etc/kubernetes/kubelet.conf',
    `--node-ip=${nodes[name].address}`,
    `--hostname-override=${name}`,
  ];
  return [
    { name: 'kubelet', command: insideNode(init, kubelet) },
    { name: 'kube-proxy', command: insideNode(init, ['kube-proxy', '--config=/etc/kubernetes/proxy.yaml']) },
  ];
}

/** The socket of a node's container runtime, as the machine sees it. */
export function runtimeSocket(init: number, runtime: RuntimeName | undefined): string {
  return `/proc/${init}/root${new URL(runtimeEndpoint(runtime)).pathname}`;
}

/** Whether the socket of a node's container runtime is there. */
export function hasRuntimeSocket(init: number, runtime: RuntimeName | undefined): boolean {
  return existsSync(runtimeSocket(init, runtime));
}
