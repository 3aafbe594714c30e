import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { folders } from './folders.ts';
import { nodeNames } from './topology.ts';

const processId = z.object({ pid: z.number(), started: z.number() });

const runtimeName = z.enum(['containerd-2.4', 'crio']);
export type RuntimeName = z.infer<typeof runtimeName>;

const optionsSchema = z.object({
  isolated: z.boolean(),
  /** Container runtimes of nodes that do not run Debian's containerd. */
  runtimes: z.partialRecord(z.enum(nodeNames), runtimeName),
});
/** What kind of lab it is. */
export type Variant = z.infer<typeof optionsSchema>;

const stateSchema = z.object({
  version: z.literal(1),
  phase: z.enum(['starting', 'ready']),
  /** The machine's boot: after another one no process number of this file means anything. */
  boot: z.string(),
  checkout: z.string(),
  /** Digest of the lab's own code that made it. */
  code: z.string(),
  variant: optionsSchema,
  /** Whether the bridge, or packet filter tables, of the lab may exist. */
  network: z.boolean(),
  /** The machine's limit of inotify instances before the lab raised it. */
  watchLimit: z.number().optional(),
  processes: z.array(processId.extend({ node: z.string(), program: z.string() })),
  inits: z.partialRecord(z.enum(nodeNames), processId),
  kubectl: z.string(),
  nodeRoot: z.string(),
  /** Full references, by digest, of the images in the registry. */
  images: z.record(z.string(), z.string()),
  helperImage: z.string().optional(),
});
/** What a lab consists of, in enough detail to take exactly that away again. */
export type State = z.infer<typeof stateSchema>;

/**
 * Reads what a state file says.
 * @throws when it is not the state of a lab of this version.
 */
function parseState(text: string): State {
  return stateSchema.parse(JSON.parse(text));
}

/** State of the lab on this machine, or undefined when there is none or it cannot be read (half-written, foreign). */
export function readState(file: string = folders.state): State | undefined {
  try {
    return parseState(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Replaces the state file in one go. */
export function writeState(state: State, file: string = folders.state): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 1));
  renameSync(`${file}.new`, file);
}

/** Forgets the lab. Idempotent. */
export function removeState(file: string = folders.state): void {
  rmSync(file, { force: true });
}

/** Identity of the machine's current boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
