import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ProcessSpec } from '../facts.ts';
import { HelperFailure } from '../failure.ts';
import { originalCommand } from '../placeholder-spec.ts';
import { findPlaceholder, readProc, readProcess } from '../processes.ts';

/** CRI-O's default place, for its monitor conmon-rs, which serves a whole pod and names no bundle. */
const CRIO_DEFAULT = '/proc/1/root/run/containers/storage/overlay-containers';

const specSchema = z.object({
  process: z.object({
    args: z.array(z.string()).min(1),
    env: z.array(z.string()).default([]),
    cwd: z.string(),
    terminal: z.boolean().default(false),
    user: z.object({
      uid: z.number().int(),
      gid: z.number().int(),
      additionalGids: z.array(z.number().int()).default([]),
    }),
  }),
});

/** Reads an OCI config.json (runtime-spec 1.2, `process`). A moved container's placeholder is taken off. */
export function parseProcessSpec(text: string): ProcessSpec {
  const { process } = specSchema.parse(JSON.parse(text));
  return {
    args: originalCommand(process.args),
    envNames: process.env.map((entry) => entry.split('=', 1)[0] ?? ''),
    cwd: process.cwd,
    uid: process.user.uid,
    gid: process.user.gid,
    groups: process.user.additionalGids,
    terminal: process.terminal,
  };
}

/**
 * The files that may be the config.json of a container's OCI bundle, by what watches over its first process. The bundle is
 * exactly what the program was started with, and a plain file: the CRI (ContainerStatus, verbose) would return the same
 * document through gRPC. Where it is differs between distributions (k3s, RKE2 and MicroK8s have states of their own), but
 * CRI-O's conmon has it on its command line, and a shim of containerd has as working directory the bundle of its pod's
 * first container (core/runtime/v2), beside which the others are.
 */
export function bundleFiles(containerId: string, monitor: { pid: number; commandLine: readonly string[] }): string[] {
  const option = monitor.commandLine.findIndex((word) => word === '-b' || word === '--bundle');
  const named = option < 0 ? undefined : monitor.commandLine[option + 1];
  return [
    ...(named?.startsWith('/') ? [`/proc/${monitor.pid}/root${named}/config.json`] : []),
    `/proc/${monitor.pid}/cwd/../${containerId}/config.json`,
    `${CRIO_DEFAULT}/${containerId}/userdata/config.json`,
  ];
}

/** How the runtime started the container. Throws `not-movable` when the runtime is none whose record is known. */
export function readProcessSpec(containerId: string): ProcessSpec {
  const pid = readProcess(findPlaceholder(containerId))?.parent ?? 0;
  const commandLine = readProc(pid, 'cmdline')?.split('\0') ?? [];
  for (const file of bundleFiles(containerId, { pid, commandLine })) {
    try {
      return parseProcessSpec(readFileSync(file, 'utf8'));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new HelperFailure(
    'not-movable',
    "the runtime's record of the container was not found",
    `looked for its OCI bundle by process ${pid}: ${commandLine[0] || 'without a name'}`,
  );
}
