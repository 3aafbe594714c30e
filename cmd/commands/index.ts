import type { AnyCommand } from '../command.ts';
import { contextsCommand } from './contexts.ts';
import { optionsCommand } from './options.ts';
import { podCommand } from './pod.ts';
import { versionCommand } from './version.ts';

/** Every command, in the order that help shows them. */
export const COMMANDS = [
  podCommand,
  contextsCommand,
  optionsCommand,
  versionCommand,
] as unknown as readonly AnyCommand[];

/** What the commands are about that have others under them. */
export const PARENTS: Readonly<Record<string, string>> = {};
