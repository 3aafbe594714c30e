import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Argv } from 'yargs';
import { type AnyCommand, commandWord } from './command.ts';
import { ACCESS_GROUPS } from './flags/clusters.ts';
import { type FlagInfo, flagsOfCommand } from './introspect.ts';
import type { Streams } from './streams.ts';
import { nearest } from './suggest.ts';
import { unusable } from './unusable-setting.ts';

const PREFIX = 'KUBECTL_MIGRATE_';
const CONFIG_VARIABLE = `${PREFIX}CONFIG`;

/** What belongs to one move, or answers a question: never a default. */
const NEVER = [
  'all',
  'context',
  'copy-dependencies',
  'dry-run',
  'force-unlock',
  'ignore-managers',
  'namespace',
  'output',
  'overwrite',
  'selector',
  'v',
  'yes',
];
/** Of the flags of access the ones that hold no credentials and name no person. */
const OF_ACCESS = ['request-timeout', 'to-request-timeout'];

/** A default that somebody set, and where. */
export interface Setting {
  readonly flag: string;
  readonly value: string | boolean;
  readonly from: string;
}

/** The flags whose defaults can be set: by the file, and above it by variables. Pure. */
export function settableFlags(commands: readonly AnyCommand[]): FlagInfo[] {
  const move = commands.find((command) => command.under === undefined && commandWord(command) === 'pod');
  const flags = move ? flagsOfCommand(move) : [];
  return flags.filter(
    ({ name, group }) => !NEVER.includes(name) && (!ACCESS_GROUPS.includes(group) || OF_ACCESS.includes(name)),
  );
}

/** `KUBECTL_MIGRATE_HELPER_IMAGE` for `helper-image`. Pure. */
export function variableOf(flag: string): string {
  return `${PREFIX}${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** Where the file lies: what KUBECTL_MIGRATE_CONFIG names, else `$XDG_CONFIG_HOME/kubectl-migrate/config.yaml`. */
export function configFile(env: Streams['env'], home = homedir()): { readonly file: string; readonly named: boolean } {
  const named = env[CONFIG_VARIABLE];
  if (named) return { file: named, named: true };
  const root = env['XDG_CONFIG_HOME'];
  const folder = root && path.isAbsolute(root) ? root : path.join(home, '.config');
  return { file: path.join(folder, 'kubectl-migrate', 'config.yaml'), named: false };
}

/** The defaults that file and variables set. Throws F309 for a file that cannot be read, and for what is no setting. */
export async function loadSettings(commands: readonly AnyCommand[], env: Streams['env']): Promise<Setting[]> {
  const flags = settableFlags(commands);
  const settings = new Map((await fileSettings(flags, env)).map((setting) => [setting.flag, setting]));
  for (const flag of flags) {
    const variable = variableOf(flag.name);
    const value = env[variable];
    if (value) settings.set(flag.name, check(flag, value, `variable ${variable}`));
  }
  return [...settings.values()];
}

/** Lays settings under the flags of a command: a flag that is given counts more. */
export function withSettings<T>(yargs: Argv<T>, command: AnyCommand, settings: readonly Setting[]): Argv<T> {
  const known = new Set(flagsOfCommand(command).map(({ name }) => name));
  return settings
    .filter(({ flag }) => known.has(flag))
    .reduce<Argv<T>>((flags, { flag, value }) => flags.default(flag, value) as Argv<T>, yargs);
}

/** The file is parsed only where there is one: most starts do without the parsers. */
async function fileSettings(flags: readonly FlagInfo[], env: Streams['env']): Promise<Setting[]> {
  const { file, named } = configFile(env);
  const content = read(file, named);
  if (content === undefined) return [];
  const { parseSettings } = await import('./settings-file.ts');
  const names = flags.map(({ name }) => name);
  return Object.entries(parseSettings(file, content)).map(([name, value]) => {
    const flag = flags.find((candidate) => candidate.name === name);
    if (flag) return check(flag, value, file);
    const meant = nearest(name, names);
    throw unusable(
      `${file}: ${name} is no setting${meant ? `, did you mean ${meant}?` : `; settings are ${names.join(', ')}`}`,
    );
  });
}

function check(flag: FlagInfo, value: string | number | boolean, from: string): Setting {
  const text = String(value);
  if (flag.type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw unusable(`${from}: ${flag.name} is true or false, not ${text}`);
    return { flag: flag.name, value: text === 'true', from };
  }
  if (flag.choices.length > 0 && !flag.choices.includes(text)) {
    throw unusable(`${from}: ${flag.name} is one of ${flag.choices.join(', ')}, not ${text}`);
  }
  return { flag: flag.name, value: text, from };
}

/** Undefined for a file that is not there, unless somebody named it. */
function read(file: string, named: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (!named && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw unusable(`${file} cannot be read: ${code}${named ? ` (named by ${CONFIG_VARIABLE})` : ''}`);
  }
}
