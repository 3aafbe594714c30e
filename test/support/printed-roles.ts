import process from 'node:process';
import type { TestProject } from 'vitest/node';
import { current } from '../lab/index.ts';
import { Kubectl, runProcess } from './kubectl.ts';
import { ANY_NAMESPACE, ANY_USER, isOwn, type Manifests, manifestsIn, PRINTED, type Right } from './rights.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of every right the objects that each scenario makes for its own namespace and user. */
    roles: Readonly<Record<string, Manifests>>;
  }
}

const NONE: Manifests = { east: [], west: [] };

/**
 * Once before all scenarios: has the built program print its roles, as an administrator would for somebody else, and
 * applies what is the same for everybody, the namespace of the helper pods among it, which scenarios that run side by
 * side must not take away from each other.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  const lab = current();
  if (!lab) throw new Error('no lab is running: npm run lab -- up');
  const program = process.env['KUBECTL_MIGRATE_PROGRAM'];
  if (!program) throw new Error('KUBECTL_MIGRATE_PROGRAM does not name the built program');
  const kubectl = new Kubectl(lab);
  const printed = async (right: Right): Promise<Manifests> => {
    const words = ['doctor', '--roles', ...PRINTED[right], '-n', ANY_NAMESPACE, '--roles-for', ANY_USER];
    const { code, stdout, stderr } = await runProcess(program, words, { env: { KUBECONFIG: lab.kubeconfig } });
    if (code !== 0) throw new Error(`kubectl migrate ${words.join(' ')}: ${stderr}`);
    return manifestsIn(stdout);
  };
  const rights = Object.keys(PRINTED) as Right[];
  const all = await Promise.all(rights.map(printed));
  for (const context of ['east', 'west'] as const) {
    await kubectl.apply(
      context,
      all.flatMap((manifests) => manifests[context]).filter((object) => !isOwn(object)),
    );
  }
  const own = ({ east, west }: Manifests) => ({ east: east.filter(isOwn), west: west.filter(isOwn) });
  provide('roles', Object.fromEntries(rights.map((right, at) => [right, own(all[at] ?? NONE)])));
}
