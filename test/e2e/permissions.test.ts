import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Context, Kubectl } from '../support/kubectl.ts';
import { imageOf, pod, service } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SIDES = ['east', 'west'] as const;

interface Rule {
  readonly context: Context;
  readonly verb: string;
  readonly resource: string;
  readonly group: string;
}

it('whoever was given just the permissions that the refusals name may move the pod', () =>
  scenario('granted', async (scene) => {
    const { lab, namespace, kubectl } = scene;
    await kubectl.apply('east', [
      pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379 }),
      service(namespace, 'p', 6379),
    ]);
    await kubectl.ready('east', namespace, 'p');
    const folder = temporaryFolder();
    const kubeconfig = path.join(folder, 'config');
    writeFileSync(kubeconfig, JSON.stringify(await asServiceAccount(kubectl, namespace)), { mode: 0o600 });
    const move = ['pod', 'p', '--context', 'east', '--to-context', 'west', '--kubeconfig', kubeconfig];
    try {
      await Promise.all(SIDES.map((context) => bind(kubectl, context, namespace)));
      const rules = await grantWhatIsAskedFor(scene, move);
      expect(rules.length).toBeGreaterThan(20);
      const moved = await scene.migrate([...move, '--yes', '-o', 'json']);
      expect(JSON.parse(moved.stdout)).not.toHaveProperty('error');
      expect(moved.code).toBe(0);
    } finally {
      await Promise.all(
        SIDES.map((context) => kubectl.try(context, ['delete', 'clusterrole,clusterrolebinding', namespace])),
      );
    }
  }));

/** Plans, allows what the refusal names, and plans again, until there is a plan. */
async function grantWhatIsAskedFor({ namespace, kubectl, migrate }: Scenario, move: readonly string[]) {
  const rules: Rule[] = [];
  for (let round = 0; round < 5; round++) {
    const planned = await migrate([...move, '--dry-run', '-o', 'json']);
    if (planned.code === 0) break;
    const { error } = JSON.parse(planned.stdout) as { error: { findings: { code: string; what: string }[] } };
    expect(error.findings.map(({ code, what }) => (code === 'E140' ? code : what))).toContain('E140');
    rules.push(...error.findings.map(({ what }) => ruleOf(what)));
    await Promise.all(SIDES.map((context) => grant(kubectl, context, namespace, rules)));
  }
  return rules;
}

function ruleOf(what: string): Rule {
  const [, verb, resource, group = '', context] =
    /^you may not (\w+) ([a-z]+(?:\/[a-z]+)?)(?:\.([a-z0-9.]+))?(?: in namespace \S+)? of (east|west)$/.exec(what) ??
    [];
  if (!verb || !resource || !context) throw new Error(`names no permission: ${what}`);
  return { context: context as Context, verb, resource, group };
}

function grant(kubectl: Kubectl, context: Context, name: string, rules: readonly Rule[]): Promise<unknown> {
  const own = rules
    .filter((rule) => rule.context === context)
    .map(({ verb, resource, group }) => ({ apiGroups: [group], resources: [resource], verbs: [verb] }));
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return kubectl.apply(context, [{ apiVersion, kind: 'ClusterRole', metadata: { name }, rules: own }]);
}

async function bind(kubectl: Kubectl, context: Context, namespace: string): Promise<void> {
  await grant(kubectl, context, namespace, []);
  const subject = `--serviceaccount=${namespace}:default`;
  await kubectl.run(context, ['create', 'clusterrolebinding', namespace, `--clusterrole=${namespace}`, subject]);
}

/** The lab's kubeconfig with the scenario's service account instead of the administrator, in both contexts. */
async function asServiceAccount(kubectl: Kubectl, namespace: string): Promise<object> {
  const config = JSON.parse(await kubectl.run('east', ['config', 'view', '--raw', '-o', 'json']));
  config.users = await Promise.all(
    SIDES.map(async (context) => {
      const token = (await kubectl.run(context, ['-n', namespace, 'create', 'token', 'default'])).trim();
      return { name: context, user: { token } };
    }),
  );
  for (const { name, context } of config.contexts) context.user = name;
  return config;
}
