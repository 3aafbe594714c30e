/** The life of a migration, in order. `plan` has no steps: it only reads. */
export const PHASES = [
  'prepare',
  'freeze',
  'transfer',
  'restore',
  'verify',
  'commit',
  'switch',
  'hold',
  'finalize',
] as const;

export type Phase = (typeof PHASES)[number];

/** True from the commit on: the source never runs again, and the only way is forward. */
export function isAfterCommit(phase: Phase): boolean {
  return PHASES.indexOf(phase) > PHASES.indexOf('commit');
}
