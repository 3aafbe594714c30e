import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostTarget, RELEASE } from '../../krew/binary/targets.ts';
import type { Archive } from '../../krew/release/archive.ts';
import { MANIFEST, renderManifest } from '../../krew/release/manifest.ts';
import { COMMAND, PLUGIN, PROGRAM } from '../../src/domain/names.ts';
import { type KrewHome, packageRelease, withKrew } from '../support/krew.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';
import { KEYS, TerminalSession } from '../support/terminal.ts';

async function succeeds({ run }: KrewHome, command: string, ...args: string[]): Promise<string> {
  const ended = await run(command, args);
  expect(ended, `${command} ${args.join(' ')}`).toMatchObject({ code: 0 });
  return ended.stdout + ended.stderr;
}

const installedVersion = ({ root }: KrewHome): string | undefined =>
  /^ {2}version: (\S+)$/m.exec(readFileSync(path.join(root, 'receipts', MANIFEST), 'utf8'))?.[1];

async function pickAndLeave({ lab, namespace, kubectl, kubeconfig }: Scenario, { env }: KrewHome): Promise<void> {
  await kubectl.apply('east', [pod({ namespace, name: 'picked', image: imageOf(lab, 'static') })]);
  await kubectl.ready('east', namespace, 'picked');
  const terminal = { program: ['kubectl'], env: { ...env, KUBECONFIG: kubeconfig } };
  const at = new TerminalSession([PLUGIN, 'pod', '--context', 'east', '-n', namespace], terminal);
  try {
    await at.shows(/\? Pod[\s\S]*picked/);
    at.type(KEYS.enter);
    await at.shows(/\? Target context[\s\S]*west/);
    at.type(KEYS.interrupt);
    expect(await at.exit()).toBe(130);
    expect(at.cursorShown()).toBe(true);
  } finally {
    await at.end();
  }
}

/** A newer release with the same binary. */
async function publishNext(home: KrewHome, archives: readonly Archive[], version: string): Promise<void> {
  await home.publish(await renderManifest(archives, home.repository, version));
  await succeeds(home, 'kubectl', 'krew', 'update');
}

describe('Krew', () => {
  it('takes the manifest, installs the plugin, upgrades it and takes it away', () =>
    scenario('krew', (scene) =>
      withKrew(async (home) => {
        const archives = await packageRelease(home.folder, [hostTarget()], home.repository);
        const manifest = path.join(home.folder, MANIFEST);
        await succeeds(home, 'validate-krew-manifest', '-manifest', manifest);

        await home.publish(readFileSync(manifest, 'utf8'));
        await succeeds(home, 'kubectl', 'krew', 'update');
        expect(await succeeds(home, 'kubectl', 'krew', 'search', PLUGIN)).toMatch(/Move running pods/);
        expect(await succeeds(home, 'kubectl', 'krew', 'install', PLUGIN)).toMatch(/helper pods run privileged/);
        expect(installedVersion(home)).toBe(RELEASE);
        expect(await succeeds(home, 'kubectl', 'plugin', 'list')).toContain(path.join(home.root, 'bin', PROGRAM));
        expect(await succeeds(home, 'kubectl', PLUGIN, '--help')).toContain(`${COMMAND} pod`);
        await pickAndLeave(scene, home);

        await publishNext(home, archives, 'v99.0.0');
        await succeeds(home, 'kubectl', 'krew', 'upgrade', PLUGIN);
        expect(installedVersion(home)).toBe('v99.0.0');
        expect(await succeeds(home, 'kubectl', PLUGIN, 'version')).toContain(RELEASE.slice(1));

        await succeeds(home, 'kubectl', 'krew', 'uninstall', PLUGIN);
        expect(existsSync(path.join(home.root, 'bin', PROGRAM))).toBe(false);
        expect(existsSync(path.join(home.root, 'store', PLUGIN))).toBe(false);
      }, scene.lab),
    ));
});
