import { registryAuthority } from '../lab/registry.ts';
import type { Scenario } from './scenario.ts';

/** Flags that choose the kubelet engine, with a repository of the scenario's own. */
export function byKubelet({ lab, namespace }: Scenario): string[] {
  const registry = ['--registry', `${lab.registry}/checkpoints/${namespace}`, '--registry-ca', registryAuthority];
  return ['--engine', 'kubelet', ...registry];
}
