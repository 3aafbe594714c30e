import { asMigrateError, type MigrateError } from '../domain/errors.ts';
import type { Plan } from '../domain/plan.ts';
import { sourceChange } from '../steps/source-pod.ts';
import type { StepContext } from '../steps/step.ts';

/** What has become of the source pod; empty where it is as it was. */
export interface SourceFate {
  /** In words, where one of its containers is another one than planned, or none. */
  readonly change?: string;
  /** What kept its cluster from telling: then nothing is known of it. */
  readonly unknown?: MigrateError;
}

/**
 * Looks at the source pod; no interrupt ends that. Read-only, and never throws: a cluster that cannot be asked leaves its
 * fate unknown.
 */
export async function fateOfSource(
  { plan, source }: Pick<StepContext, 'plan' | 'source'>,
  signal = new AbortController().signal,
): Promise<SourceFate> {
  try {
    const change = await sourceChange({ plan, source, signal });
    return change === undefined ? {} : { change };
  } catch (error) {
    return { unknown: asMigrateError(error) };
  }
}

/** What is to be said of it; undefined where it is as it was. Pure. */
export function newsOf({ source }: Plan, { change, unknown }: SourceFate): string | undefined {
  if (unknown === undefined) return change;
  return `what has become of pod ${source.namespace}/${source.pod} is not known: ${unknown.detail}`;
}
