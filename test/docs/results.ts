import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { FINDINGS, type FindingCode } from '../../src/domain/finding.ts';
import { ENGINES } from '../../src/domain/plan.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** What scenarios have shown since somebody last ran `npm run docs`. */
export const resultsFile = path.join(root, 'dist/scenarios.json');
/** What the page says. */
export const keptFile = path.join(root, 'docs/compatibility.json');

const shownSchema = z.object({
  kind: z.enum(['program', 'holds', 'pod', 'owner']),
  what: z.string(),
  to: z.enum(['cluster', 'node']),
  engine: z.enum(ENGINES),
  declined: z.enum(Object.keys(FINDINGS) as [FindingCode, ...FindingCode[]]).optional(),
});
const scenarioSchema = z.object({
  /** File and name: `test/e2e/programs.test.ts > …`. */
  scenario: z.string(),
  passed: z.boolean(),
  shows: z.array(shownSchema),
});
const resultsSchema = z.object({
  /** Day of the last run that is in it. */
  on: z.string(),
  /** Of what the scenarios ran on. */
  versions: z.array(z.string()),
  scenarios: z.array(scenarioSchema),
});
export type ScenarioResult = z.infer<typeof scenarioSchema>;
export type Results = z.infer<typeof resultsSchema>;

/** Reads results; none where there is no such file. Throws when it is something else. */
export function readResults(file: string): Results {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return { on: '', versions: [], scenarios: [] };
  }
  return resultsSchema.parse(JSON.parse(text));
}

/**
 * The kept results with newer ones in their place, in the order of their names. What was seen on other versions is
 * dropped, as is what no scenario is called any more. Pure. `exists`: whether there is a scenario of that name.
 */
export function takeIn(kept: Results, newer: Results, exists: (scenario: string) => boolean): Results {
  const latest = newer.scenarios.length === 0 ? kept : newer;
  const ran = new Set(latest.scenarios.map(({ scenario }) => scenario));
  const alike = JSON.stringify(kept.versions) === JSON.stringify(latest.versions);
  const older = alike ? kept.scenarios.filter(({ scenario }) => !ran.has(scenario)) : [];
  const scenarios = [...latest.scenarios, ...older].filter(({ scenario }) => exists(scenario));
  return { ...latest, scenarios: scenarios.toSorted((one, other) => one.scenario.localeCompare(other.scenario)) };
}

/** Whether a scenario of that name is in the checkout. */
export function isScenario(scenario: string): boolean {
  const [file = '', ...names] = scenario.split(' > ');
  try {
    // One that shows something is called the same in every run.
    return readFileSync(path.join(root, file), 'utf8').includes(`'${names.at(-1)}'`);
  } catch {
    return false;
  }
}
