import { existsSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HelperFailure } from './failure.ts';

/** Where kubelet keeps the logs of containers unless it is told otherwise (KubeletConfiguration, podLogsDir). */
const LOGS = '/var/log/pods';
const WHY = 'this pod was moved: no container of it may be started on this node\n';

/**
 * What keeps kubelet from starting a container, or a sandbox, of one pod on this node, for good and for as long as the pod
 * is there: kubelet makes the pod's log directory before either (pkg/kubelet/kuberuntime, generateContainerConfig and
 * createPodSandbox), and fails where a file has that name. It lies on the node's disk, so that a reboot does not undo it;
 * kubelet clears file and directory away some time after the pod. The pod's logs cannot be read meanwhile.
 */
export class Restarts {
  readonly #folder: string;

  /** @param root the node's own files, through its first process */
  constructor(root = '/proc/1/root') {
    this.#folder = path.join(root, LOGS);
  }

  /** Why they cannot be prevented; '' when they can. `logs`: the name of the pod's log directory. Read-only. */
  obstacle(logs: string): string {
    if (this.#isPrevented(logs)) return '';
    return isDirectory(path.join(this.#folder, logs)) ? '' : `kubelet keeps no logs of the pod in ${LOGS}`;
  }

  /** Idempotent. Throws `not-movable` where it cannot be done. */
  prevent(logs: string): void {
    if (this.#isPrevented(logs)) return;
    const obstacle = this.obstacle(logs);
    if (obstacle !== '') throw new HelperFailure('not-movable', obstacle);
    const directory = path.join(this.#folder, logs);
    renameSync(directory, this.#aside(logs));
    writeFileSync(directory, WHY, { mode: 0o600, flag: 'wx' });
  }

  /** Takes that back. Idempotent. */
  allow(logs: string): void {
    const directory = path.join(this.#folder, logs);
    if (this.#isPrevented(logs)) rmSync(directory);
    const aside = this.#aside(logs);
    if (existsSync(aside) && !existsSync(directory)) renameSync(aside, directory);
  }

  #isPrevented(logs: string): boolean {
    return lstatSync(path.join(this.#folder, logs), { throwIfNoEntry: false })?.isFile() === true;
  }

  /** Kubelet tells by the last part of a name whose logs these are (pod_container_manager, evictPodLogsDirectories). */
  #aside(logs: string): string {
    return path.join(this.#folder, logs.replace(/_([^_]+)$/, '.held_$1'));
  }
}

function isDirectory(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}
