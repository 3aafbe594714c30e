import type { AnyCommand } from '../command.ts';
import { applyCommand } from './apply.ts';
import { auditListCommand, auditVerifyCommand } from './audit.ts';
import { checkPodCommand } from './check.ts';
import { cleanupCommand } from './cleanup.ts';
import { completionCommand } from './completion.ts';
import { configViewCommand } from './config.ts';
import { contextsCommand } from './contexts.ts';
import { describeCommand } from './describe.ts';
import { doctorCommand } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { finalizeCommand } from './finalize.ts';
import { helperPushCommand, helperSaveCommand } from './helper.ts';
import { historyCommand } from './history.ts';
import { listCommand } from './list.ts';
import { optionsCommand } from './options.ts';
import { planPodCommand } from './plan.ts';
import { podCommand } from './pod.ts';
import { reportCommand } from './report.ts';
import { resumeCommand } from './resume.ts';
import { rollbackCommand } from './rollback.ts';
import { statusCommand } from './status.ts';
import { versionCommand } from './version.ts';

/** Every command, in the order that help shows them. */
export const COMMANDS: readonly AnyCommand[] = [
  podCommand,
  planPodCommand,
  applyCommand,
  checkPodCommand,
  doctorCommand,
  statusCommand,
  listCommand,
  describeCommand,
  resumeCommand,
  rollbackCommand,
  finalizeCommand,
  cleanupCommand,
  contextsCommand,
  historyCommand,
  auditListCommand,
  auditVerifyCommand,
  reportCommand,
  explainCommand,
  helperSaveCommand,
  helperPushCommand,
  configViewCommand(() => COMMANDS),
  completionCommand,
  optionsCommand,
  versionCommand,
] as unknown as readonly AnyCommand[];

/** What the commands are about that have others under them. */
export const PARENTS: Readonly<Record<string, string>> = {
  audit: 'Show and verify the record of who moved what',
  check: 'Check whether a pod can be moved',
  config: 'Show the defaults in force',
  helper: 'Carry the helper image to where no registry is reached',
  plan: 'Make the plan of a move, and change nothing',
};
