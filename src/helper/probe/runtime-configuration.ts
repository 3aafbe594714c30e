import '../interpreted-schemas.ts';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { listPids, parseNamespacePids, readProc } from '../processes.ts';

/** A container runtime that serves the node's kubelet: one of these programs. */
export type Runtime = {
  name: 'containerd' | 'crio';
  /** Its command line after the program. */
  args: readonly string[];
  /** Its root directory, as this process reaches it. */
  root: string;
};

/** Links that are followed until a path counts as going in a circle, as many as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** Since containerd 2.0 the first; what a file of an earlier version has under the others is taken over into it. */
const CRI = ['io.containerd.cri.v1.runtime', 'io.containerd.grpc.v1.cri', 'cri'] as const;
/** The version of configuration files in which containerd takes nothing over any more. */
const CRI_RENAMED = 3;

const criSchema = z.looseObject({ enable_experimental_restore_via_create: z.boolean().optional() }).optional();
const containerdSchema = z.looseObject({
  version: z.number().default(0),
  imports: z.array(z.string()).default([]),
  disabled_plugins: z.array(z.string()).default([]),
  plugins: z.looseObject({ [CRI[0]]: criSchema, [CRI[1]]: criSchema, [CRI[2]]: criSchema }).default({}),
});
const crioSchema = z.looseObject({
  crio: z
    .looseObject({ checkpoint_restore: z.looseObject({ container_level_enabled: z.string().optional() }).optional() })
    .optional(),
});

/**
 * Whether the configuration of the node's runtime switches the restore of checkpoints on, for versions that restore only
 * then (containerd 2.2.7, 2.3.4, CRI-O 1.34.14). Undefined where it cannot be told: no runtime is found, several say
 * different things, or a file cannot be read. Read-only; never throws.
 */
export function restoresCheckpoints(runtimes: readonly Runtime[] = findRuntimes()): boolean | undefined {
  try {
    const told = runtimes.flatMap((runtime) => READ[runtime.name](runtime) ?? []);
    const [first, ...others] = new Set(told);
    return others.length === 0 ? first : undefined;
  } catch {
    return undefined;
  }
}

const READ = { containerd: readContainerd, crio: readCrio };

/** Those of the node itself: what runs in a PID namespace of its own serves a program in a pod. */
function findRuntimes(): Runtime[] {
  return listPids().flatMap((pid) => {
    const name = readProc(pid, 'comm')?.trim();
    if (name !== 'containerd' && name !== 'crio') return [];
    if (parseNamespacePids(readProc(pid, 'status') ?? '').length !== 1) return [];
    const [, ...args] = readProc(pid, 'cmdline')?.split('\0') ?? [];
    return [{ name, args, root: `/proc/${pid}/root` }];
  });
}

/**
 * As cmd/containerd/server/config has it: files in the order of their imports, each once, the last word counts. Undefined
 * for one that serves no kubelet, such as Docker's own. Throws where that cannot be followed.
 */
function readContainerd({ args, root }: Runtime): boolean | undefined {
  const named = flag(args, ['config', 'c']);
  const main = named ?? '/etc/containerd/config.toml';
  if (named === undefined && !isThere(root, main)) return false;
  let restores = false;
  const disabled = new Set<string>();
  // Grows while it is gone through.
  const files = new Set([main]);
  for (const file of files) {
    const { version, imports, disabled_plugins, plugins } = containerdSchema.parse(parse(read(root, file)));
    const sections = version < CRI_RENAMED ? CRI : CRI.slice(0, 1);
    const settings = sections.map((name) => plugins[name]?.enable_experimental_restore_via_create);
    restores = settings.find((setting) => setting !== undefined) ?? restores;
    for (const plugin of disabled_plugins) disabled.add(plugin);
    const imported = imports.flatMap((pattern) => expand(root, path.resolve(path.dirname(file), pattern)));
    for (const each of imported) files.add(each);
  }
  return CRI.some((name) => disabled.has(name)) ? undefined : restores;
}

/** As internal/criocli has it: the file, then all of a directory in the order of their names; the last word counts. */
function readCrio({ args, root }: Runtime): boolean {
  const named = flag(args, ['config', 'c']);
  const main = named ?? '/etc/crio/crio.conf';
  const folder = flag(args, ['config-dir', 'd']) ?? '/etc/crio/crio.conf.d';
  const mains = named === undefined && !isThere(root, main) ? [] : [main];
  const files = [...mains, ...(isThere(root, folder) ? expand(root, `${folder}/*`) : [])];
  const settings = files.flatMap(
    (file) => crioSchema.parse(parse(read(root, file))).crio?.checkpoint_restore?.container_level_enabled ?? [],
  );
  return settings.at(-1) === 'checkpoint_restore';
}

/** The value of a flag by any of its names: `--config FILE`, `--config=FILE`, with one dash or two; the last counts. */
function flag(args: readonly string[], names: readonly string[]): string | undefined {
  return args
    .flatMap((arg, index) => {
      const [, name = '', value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
      return names.includes(name) ? [value ?? args[index + 1] ?? ''] : [];
    })
    .at(-1);
}

/** The files that a pattern stands for, by name. Throws for one with other wildcards than `*` in its last part. */
function expand(root: string, pattern: string): string[] {
  if (!pattern.includes('*')) return [pattern];
  const [folder, wanted] = [path.dirname(pattern), path.basename(pattern)];
  if (/[*?[\\]/.test(folder) || /[?[\\]/.test(wanted)) throw new Error(`${pattern} is not understood`);
  if (!isThere(root, folder)) return [];
  const literal = wanted.replaceAll(/[.+^${}()|]/g, String.raw`\$&`);
  const fits = new RegExp(`^${literal.replaceAll('*', '.*')}$`);
  const names = readdirSync(inRoot(root, folder)).toSorted();
  return names.filter((name) => fits.test(name)).map((name) => path.join(folder, name));
}

function read(root: string, file: string): string {
  return readFileSync(inRoot(root, file), 'utf8');
}

function isThere(root: string, file: string): boolean {
  return lstatSync(inRoot(root, file), { throwIfNoEntry: false }) !== undefined;
}

/** Where a path of another root is for this process, links followed as that root has them. Throws when they go in a circle. */
function inRoot(root: string, file: string): string {
  if (!path.isAbsolute(file)) throw new Error(`${file} is relative to a directory that is not known`);
  const ahead = path.normalize(file).split('/').filter(Boolean);
  let at = '/';
  for (let links = 0; ahead.length > 0; ) {
    const next = path.join(at, ahead.shift() ?? '');
    const here = path.join(root, next);
    if (!lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) throw new Error(`${file} is a circle of links`);
    const target = readlinkSync(here);
    if (path.isAbsolute(target)) at = '/';
    ahead.unshift(...target.split('/').filter(Boolean));
  }
  return path.join(root, at);
}
