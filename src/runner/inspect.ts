import { asMigrateError, type MigrateError } from '../domain/errors.ts';
import type { EngineView, Presence } from '../engines/engine.ts';
import type { JournalRecord } from '../journal/record.ts';
import { sourceChange } from '../steps/source-pod.ts';
import { type Step, type StepContext, stepsOf } from '../steps/step.ts';
import { SILENT } from './context.ts';
import { resultsOf } from './resume.ts';

/** One step, as the record has it and as the clusters show it. */
export interface StepFinding {
  readonly step: string;
  readonly title: string;
  /** The last that was written about it; undefined for nothing. */
  readonly recorded: string | undefined;
  /** Undefined where the clusters could not be asked. */
  readonly found: Presence | undefined;
}

/** What the clusters show of a migration. */
export interface Inspection {
  readonly steps: readonly StepFinding[];
  readonly view: EngineView;
  /** What has become of the source’s container; undefined when it is still the same. */
  readonly sourceChange: string | undefined;
  /** What could not be asked, and why. */
  readonly unknown: readonly string[];
}

/** Looks at everything that a migration may have made. Read-only, and never throws: what cannot be asked is told. */
export async function inspectMigration(
  record: JournalRecord,
  steps: readonly Step[],
  base: Omit<StepContext, 'results' | keyof typeof SILENT>,
): Promise<Inspection> {
  const context = { ...base, results: resultsOf(record), ...SILENT };
  const unknown = new Set<string>();
  const note = (error: unknown): undefined => {
    unknown.add(sentence(asMigrateError(error)));
  };
  await context.engine.attach(context).catch(note);
  const view = await context.engine.look(context);
  const findings = await Promise.all(
    stepsOf(steps, base.plan).map(async (step): Promise<StepFinding> => {
      const recorded = record.entries.findLast((entry) => entry.step === step.name)?.kind;
      return { step: step.name, title: step.title, recorded, found: await step.inspect(context).catch(note) };
    }),
  );
  return { steps: findings, view, sourceChange: await sourceChange(context).catch(note), unknown: [...unknown] };
}

function sentence({ message, detail }: MigrateError): string {
  return `${message}: ${detail}`;
}
