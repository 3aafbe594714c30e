import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Child, ProcessOptions } from './kubectl.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A machine of its own for one process: where that keeps its copies of records. */
export interface Machine {
  readonly env: { readonly XDG_STATE_HOME: string };
  /** The migration that a process on it began, and the lines of its record. */
  record(): { readonly id: string; readonly lines: readonly string[] } | undefined;
}

/** A machine that knows of no migration. */
export function newMachine(): Machine {
  const state = temporaryFolder();
  const folder = path.join(state, 'kubectl-migrate');
  return {
    env: { XDG_STATE_HOME: state },
    record: () => {
      try {
        const [name] = readdirSync(folder).filter((each) => each.endsWith('.ndjson'));
        if (name === undefined) return undefined;
        const lines = readFileSync(path.join(folder, name), 'utf8').split('\n').slice(0, -1);
        return { id: path.basename(name, '.ndjson'), lines };
      } catch {
        return undefined;
      }
    },
  };
}

/** Strikes once, as soon as the record of a process on that machine says a certain thing. */
export function whenRecorded(
  machine: Machine,
  says: (lines: readonly string[]) => boolean,
  strike: (id: string, child: Child) => unknown,
): ProcessOptions {
  return {
    env: machine.env,
    onStart: (child) => {
      const watch = setInterval(() => {
        const record = machine.record();
        if (!record || !says(record.lines)) return;
        clearInterval(watch);
        strike(record.id, child);
      }, 1);
      child.once('exit', () => clearInterval(watch));
    },
  };
}

/** Kills a process on that machine, without any chance to clean up, as soon as its record says a certain thing. */
export function killWhen(machine: Machine, says: (lines: readonly string[]) => boolean): ProcessOptions {
  return whenRecorded(machine, says, (_id, child) => child.kill('SIGKILL'));
}

/** Whether a record says this of a step, for instance `intent` of `freeze`: it is about to be carried out. */
export const wrote = (step: string, kind: string) => (lines: readonly string[]) =>
  lines.some((line) => line.includes(`"step":"${step}","kind":"${kind}"`));
