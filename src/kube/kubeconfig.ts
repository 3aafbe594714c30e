import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { declined, MigrateError } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { withoutUserInfo } from './server-address.ts';
import { onlyDocument } from './yaml.ts';

export interface KubeconfigOptions {
  /** What the flag names; stands alone when given. */
  readonly file?: string | undefined;
  /** The flag, by default `--kubeconfig`. */
  readonly flag?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly home?: string;
}

const text = z.string().nullish();
const clusterSchema = z.looseObject({
  server: z.string().min(1),
  'certificate-authority': text,
  'insecure-skip-tls-verify': z.boolean().nullish(),
});
const execSchema = z.looseObject({
  apiVersion: text,
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
  provideClusterInfo: z.boolean().nullish(),
});
const userSchema = z.looseObject({
  'client-certificate': text,
  'client-key': text,
  tokenFile: text,
  as: text,
  'as-groups': z.array(z.string()).nullish(),
  'as-uid': text,
  'auth-provider': z.looseObject({ name: z.string(), config: z.record(z.string(), z.string()).nullish() }).nullish(),
  exec: execSchema.nullish(),
});
const contextSchema = z.looseObject({ cluster: z.string(), user: text, namespace: text });
const fileSchema = z.looseObject({
  'current-context': text,
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.looseObject({ name: z.string(), user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.looseObject({ name: z.string(), context: contextSchema })).nullish(),
});

type ClusterEntry = z.infer<typeof clusterSchema>;
export type UserEntry = z.infer<typeof userSchema>;

/** Several kubeconfig files as one, merged as kubectl does: the first file that names a thing wins. */
export interface Kubeconfig {
  /** The files it was read from. */
  readonly files: readonly string[];
  readonly currentContext: string | undefined;
  readonly contexts: ReadonlyMap<string, z.infer<typeof contextSchema>>;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  /** The file that each user comes from. */
  readonly userFiles: ReadonlyMap<string, string>;
}

/** One context with what it refers to. */
export interface SelectedContext {
  readonly name: string;
  /** 'default' where the context names none. */
  readonly namespace: string;
  readonly cluster: ClusterEntry;
  readonly user: UserEntry;
  /** Where the user stands in a file, for tokens that are renewed; absent where a context names none. */
  readonly userPlace?: UserPlace;
}

export interface UserPlace {
  readonly file: string;
  readonly user: string;
}

/**
 * Reads the kubeconfig: the flag's file, else those of KUBECONFIG, else ~/.kube/config. Files of KUBECONFIG that do
 * not exist are passed over, as kubectl does. Throws F302 when that leaves none, saying what was looked for: the
 * kubeconfig library would go on with http://localhost:8080 without a word.
 */
export function loadKubeconfig(options: KubeconfigOptions = {}): Kubeconfig {
  const { files, looked } = findFiles(options);
  if (files.length === 0) {
    throw new MigrateError('F302', {
      detail: looked.join('; '),
      remedy: 'name one with --kubeconfig or the variable KUBECONFIG',
    });
  }
  const contexts: Kubeconfig['contexts'] & Map<string, z.infer<typeof contextSchema>> = new Map();
  const clusters = new Map<string, ClusterEntry>();
  const users = new Map<string, UserEntry>();
  const userFiles = new Map<string, string>();
  let currentContext: string | undefined;
  for (const file of files) {
    const content = parseFile(file.name, file.content);
    const folder = path.dirname(path.resolve(file.name));
    currentContext ??= content['current-context'] || undefined;
    for (const { name, context } of content.contexts ?? []) addFirst(contexts, name, context);
    for (const { name, cluster } of content.clusters ?? []) addFirst(clusters, name, absoluteCluster(cluster, folder));
    for (const { name, user } of content.users ?? []) {
      addFirst(users, name, absoluteUser(user ?? {}, folder));
      addFirst(userFiles, name, file.name);
    }
  }
  return { files: files.map((file) => file.name), currentContext, contexts, clusters, users, userFiles };
}

/** Names of the contexts there are, sorted. */
export function listContexts(kubeconfig: Kubeconfig): string[] {
  return [...kubeconfig.contexts.keys()].sort();
}

/** E101 for a context that does not exist, with those that do; undefined when it exists. */
export function contextFinding(kubeconfig: Kubeconfig, context: string, flag: string): Finding | undefined {
  if (kubeconfig.contexts.has(context)) return undefined;
  const names = listContexts(kubeconfig);
  return {
    code: 'E101',
    severity: 'error',
    what: `there is no context ${JSON.stringify(context)} in ${kubeconfig.files.join(', ')}`,
    why: 'the context says which cluster is meant and with whose credentials',
    remedy: names.length === 0 ? 'add a context to the kubeconfig' : `use one of ${flag} ${names.join(', ')}`,
  };
}

/**
 * Picks a context, the current one when none is named. An unknown one is declined with finding E101; F302 when there is
 * no current context or the chosen one refers to a cluster or user that is not there.
 */
export function selectContext(kubeconfig: Kubeconfig, context: string | undefined, flag: string): SelectedContext {
  const name = context ?? kubeconfig.currentContext;
  if (name === undefined) {
    throw new MigrateError('F302', {
      detail: `${kubeconfig.files.join(', ')} has no current context`,
      remedy: `name one with ${flag}: ${listContexts(kubeconfig).join(', ') || 'there is none'}`,
    });
  }
  const finding = contextFinding(kubeconfig, name, flag);
  if (finding !== undefined) throw declined([finding]);
  const entry = kubeconfig.contexts.get(name);
  const cluster = kubeconfig.clusters.get(entry?.cluster ?? '');
  if (entry === undefined || cluster === undefined) throw dangling(kubeconfig, name, `cluster '${entry?.cluster}'`);
  const user = entry.user ? kubeconfig.users.get(entry.user) : {};
  if (user === undefined) throw dangling(kubeconfig, name, `user '${entry.user}'`);
  const file = kubeconfig.userFiles.get(entry.user ?? '');
  const userPlace = file === undefined ? {} : { userPlace: { file, user: entry.user ?? '' } };
  return { name, namespace: entry.namespace || 'default', cluster, user, ...userPlace };
}

/**
 * The context that leads to a server: the one of that name, or else any other that does. Throws F302 when there is none,
 * naming `flag`, with which the user can say that a cluster has another address now. Pure.
 */
export function contextFor(
  kubeconfig: Kubeconfig,
  wanted: { readonly context: string; readonly server: string },
  flag: string,
): string {
  const serverOf = (name: string) => {
    const server = kubeconfig.clusters.get(kubeconfig.contexts.get(name)?.cluster ?? '')?.server;
    return server === undefined ? undefined : withoutUserInfo(server).address;
  };
  const isSame = (name: string) => serverOf(name)?.replace(/\/$/, '') === wanted.server.replace(/\/$/, '');
  const found = [wanted.context, ...listContexts(kubeconfig)].find(isSame);
  if (found !== undefined) return found;
  const now = serverOf(wanted.context);
  const why =
    now === undefined
      ? 'there is no context of that name'
      : `the context of that name leads to ${now || 'what is no URL'}`;
  throw new MigrateError('F302', {
    detail: `no context of ${kubeconfig.files.join(', ')} leads to ${wanted.server}, which was ${wanted.context}; ${why}`,
    remedy: `name the context of that cluster with ${flag}`,
  });
}

function dangling(kubeconfig: Kubeconfig, context: string, what: string): MigrateError {
  return new MigrateError('F302', {
    detail: `context '${context}' refers to ${what}, which is not in ${kubeconfig.files.join(', ')}`,
    remedy: 'correct the context: kubectl config get-contexts shows what it refers to',
  });
}

function findFiles(options: KubeconfigOptions): { files: { name: string; content: string }[]; looked: string[] } {
  const variable = options.env?.['KUBECONFIG'];
  if (options.file !== undefined) {
    const content = readIfThere(options.file);
    return content === undefined
      ? { files: [], looked: [`${options.flag ?? '--kubeconfig'} ${options.file} does not exist`] }
      : { files: [{ name: options.file, content }], looked: [] };
  }
  const looked = ['--kubeconfig is not given'];
  let names: string[];
  if (variable) {
    names = [...new Set(variable.split(path.delimiter).filter((name) => name !== ''))];
    looked.push(names.length === 0 ? 'KUBECONFIG names no file' : `KUBECONFIG names ${names.join(', ')}: no such file`);
  } else {
    names = [path.join(options.home ?? homedir(), '.kube', 'config')];
    looked.push('KUBECONFIG is not set', `${names[0]} does not exist`);
  }
  const files = names.flatMap((name) => {
    const content = readIfThere(name);
    return content === undefined ? [] : [{ name, content }];
  });
  return { files, looked };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new MigrateError('F302', { detail: `${file} cannot be read: ${code}`, remedy: 'make the file readable' });
  }
}

/** Errors name lines and fields only: the parser's own messages quote the file, and the file holds credentials. */
function parseFile(file: string, content: string): z.infer<typeof fileSchema> {
  const document = onlyDocument(content);
  if ('broken' in document) {
    throw new MigrateError('F302', {
      detail: `${file} is not YAML: ${document.broken}`,
      remedy: 'correct the file: kubectl config view reads it too',
    });
  }
  const parsed = fileSchema.safeParse(document.value ?? {});
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'document'} (${issue.code})`);
  throw new MigrateError('F302', {
    detail: `${file} is not a kubeconfig: ${fields.join(', ')}`,
    remedy: 'correct the file: kubectl config view reads it too',
  });
}

function addFirst<T>(map: Map<string, T>, name: string, value: T): void {
  if (!map.has(name)) map.set(name, value);
}

function absoluteCluster(cluster: ClusterEntry, folder: string): ClusterEntry {
  const ca = cluster['certificate-authority'];
  return ca ? { ...cluster, 'certificate-authority': path.resolve(folder, ca) } : cluster;
}

function absoluteUser(user: UserEntry, folder: string): UserEntry {
  const absolute: UserEntry = { ...user };
  for (const key of ['client-certificate', 'client-key', 'tokenFile'] as const) {
    const file = user[key];
    if (file) absolute[key] = path.resolve(folder, file);
  }
  const command = user.exec?.command;
  // kubectl: a command with a slash is relative to the kubeconfig, one without is looked up in PATH.
  if (user.exec && command?.includes('/')) absolute.exec = { ...user.exec, command: path.resolve(folder, command) };
  return absolute;
}
