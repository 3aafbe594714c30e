import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ProcessSpec } from '../facts.ts';
import { HelperFailure } from '../failure.ts';
import { originalCommand } from '../placeholder-spec.ts';

/**
 * Where the runtimes keep a container's OCI bundle, on the node. The bundle's config.json is exactly what the program
 * was started with, and a plain file: the CRI (ContainerStatus, verbose) would return the same document through gRPC.
 * First containerd (core/runtime/v2, state directory), then CRI-O (containers-storage run root).
 */
const BUNDLES: readonly ((id: string) => string)[] = [
  (id) => `/proc/1/root/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
  (id) => `/proc/1/root/run/containers/storage/overlay-containers/${id}/userdata/config.json`,
];

const specSchema = z.object({
  process: z.object({
    args: z.array(z.string()).min(1),
    env: z.array(z.string()).default([]),
    cwd: z.string(),
    terminal: z.boolean().default(false),
    user: z.object({ uid: z.number().int(), gid: z.number().int() }),
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
    terminal: process.terminal,
  };
}

/** How the runtime started the container. Throws `not-movable` when the runtime is none whose record is known. */
export function readProcessSpec(containerId: string): ProcessSpec {
  for (const bundle of BUNDLES) {
    try {
      return parseProcessSpec(readFileSync(bundle(containerId), 'utf8'));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new HelperFailure(
    'not-movable',
    "the runtime's record of the container was not found",
    'looked where containerd and CRI-O keep the OCI bundle',
  );
}
