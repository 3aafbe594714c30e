import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { z } from 'zod';
import { readResults, resultsFile, type ScenarioResult } from '../docs/results.ts';
import { current } from '../lab/index.ts';

const nodesSchema = z.object({
  items: z.array(
    z.object({
      status: z.object({
        nodeInfo: z.object({
          architecture: z.string(),
          containerRuntimeVersion: z.string(),
          kernelVersion: z.string(),
          kubeletVersion: z.string(),
        }),
      }),
    }),
  ),
});

/** Notes in dist/ what the scenarios that have just run have shown; `npm run docs` makes the page of it. */
export default class ScenarioResults implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const results = modules.flatMap((module) => [...module.children.allTests()].flatMap(resultOf));
    if (results.length === 0) return;
    const before = readResults(resultsFile);
    const on = new Date().toISOString().slice(0, 10);
    const ran = new Set(results.map(({ scenario }) => scenario));
    const scenarios = [...before.scenarios.filter(({ scenario }) => !ran.has(scenario)), ...results];
    mkdirSync(path.dirname(resultsFile), { recursive: true });
    writeFileSync(resultsFile, JSON.stringify({ on, versions: versions(), scenarios }, null, 1));
  }
}

function resultOf(test: TestCase): ScenarioResult[] {
  const { shows } = test.meta();
  const { state } = test.result();
  if (shows === undefined || (state !== 'passed' && state !== 'failed')) return [];
  const scenario = `${test.module.relativeModuleId} > ${test.fullName}`;
  return [{ scenario, passed: state === 'passed', shows: [...shows] }];
}

/** What the lab's nodes say they run. */
function versions(): string[] {
  const lab = current();
  if (!lab) return [];
  const args = ['--kubeconfig', lab.kubeconfig, '--context', 'east', 'get', 'nodes', '-o', 'json'];
  const { items } = nodesSchema.parse(JSON.parse(execFileSync(lab.kubectl, args, { encoding: 'utf8' })));
  const all = items.map(({ status: { nodeInfo } }) => [
    `Kubernetes ${numberIn(nodeInfo.kubeletVersion)}`,
    `${nodeInfo.containerRuntimeVersion.split(':')[0]} ${numberIn(nodeInfo.containerRuntimeVersion)}`,
    `Linux ${numberIn(nodeInfo.kernelVersion)}`,
    nodeInfo.architecture,
  ]);
  return [...new Set(all.flat())];
}

/** A version without what its builder has added. */
function numberIn(version: string): string {
  return /\d+(\.\d+)+/.exec(version)?.[0] ?? version;
}
