import { commit } from './commit.ts';
import { copyFiles } from './copy-files.ts';
import { dependencies } from './dependencies.ts';
import { endRehearsal } from './end-rehearsal.ts';
import { finalize } from './finalize.ts';
import { freeze } from './freeze.ts';
import { holdSource } from './hold-source.ts';
import { makeWay } from './make-way.ts';
import { owner } from './owner.ts';
import { placeholder } from './placeholder.ts';
import { prepareServices } from './prepare-services.ts';
import { probe } from './probe.ts';
import { restore } from './restore.ts';
import { settle } from './settle.ts';
import { startHelpers } from './start-helpers.ts';
import type { Step } from './step.ts';
import { switchOver } from './switch-over.ts';
import { takeIn } from './take-in.ts';
import { takePlace } from './take-place.ts';
import { transfer } from './transfer.ts';
import { verify } from './verify.ts';

/**
 * The program: every step of a migration, in order. Plan, dry run, progress, the journal and the way back all read
 * this list and no other.
 *
 * Up to `settle` the source serves. From `freeze` to `commit` nobody does, and every failure leads back to the source.
 * With `commit` the source never runs again, and the way is forward.
 */
export const STEPS: readonly Step[] = [
  startHelpers,
  probe,
  dependencies,
  owner,
  prepareServices,
  placeholder,
  copyFiles,
  settle,
  makeWay,
  freeze,
  transfer,
  restore,
  verify,
  commit,
  takePlace,
  switchOver,
  takeIn,
  endRehearsal,
  holdSource,
  finalize,
] as readonly Step[];
