import { rmSync } from 'node:fs';
import { labProcesses, removeGroups } from './cgroup.ts';
import { folders } from './folders.ts';
import { removeNetwork } from './network.ts';
import { kill, waitForEnd } from './processes.ts';
import { fromRoot } from './program.ts';
import { bootId, readState, removeState } from './state.ts';
import { restoreWatchLimit } from './watch-limit.ts';

/**
 * Ends the lab of this machine: its processes (those that the state names and those in its cgroups, by number and
 * start time), its links, packet filter tables, cgroups and data. Mounts go with the nodes' namespaces. Idempotent.
 * @throws when something of it cannot be ended.
 */
export async function takeDown(): Promise<void> {
  const state = readState();
  // A reboot has ended all but the files.
  const isOfThisBoot = state?.boot === bootId();
  const recorded = isOfThisBoot ? state.processes : [];
  const processes = [...recorded, ...labProcesses()];
  for (const id of processes) kill(id);
  await waitForEnd(processes, 20);
  await removeGroups();
  if (isOfThisBoot && state.network) await removeNetwork(fromRoot(state.nodeRoot, 'usr/sbin/nft'));
  if (isOfThisBoot && state.watchLimit !== undefined) restoreWatchLimit(state.watchLimit);
  rmSync(folders.data, { recursive: true, force: true });
  removeState();
}
