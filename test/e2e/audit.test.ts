import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { imageOf, pod } from '../support/manifests.ts';
import { scenario } from '../support/scenario.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BETWEEN = ['--context', 'east', '--to-context', 'west'];

interface Export {
  readonly chains: { links: { readonly entry: { readonly migration: string; readonly event: string } }[] }[];
}

it('both clusters tell of a move, and an entry that somebody takes out of the record is missed', () =>
  scenario('audit', async ({ lab, namespace, kubectl, migrate }) => {
    await kubectl.apply('east', [pod({ namespace, name: 'p', image: imageOf(lab, 'redis'), port: 6379 })]);
    await kubectl.ready('east', namespace, 'p');
    const moved = await migrate(['pod', 'p', ...BETWEEN, '--yes', '-o', 'json']);
    expect(moved.code).toBe(0);
    const { plan } = JSON.parse(moved.stdout) as { plan: { id: string } };

    const listed = JSON.parse((await migrate(['audit', 'list', ...BETWEEN, '-o', 'json'])).stdout) as Export;
    const ours = listed.chains.map(({ links }) =>
      links.map(({ entry }) => entry).filter(({ migration }) => migration === plan.id),
    );
    for (const entries of ours) expect(entries.map(({ event }) => event)).toEqual(['begun', 'ended']);
    expect(ours).toHaveLength(2);

    const file = path.join(temporaryFolder(), 'audit.json');
    const [first] = listed.chains;
    const at = first?.links.findIndex(({ entry }) => entry.migration === plan.id) ?? -1;
    first?.links.splice(at, 1);
    writeFileSync(file, JSON.stringify(listed));
    const verified = await migrate(['audit', 'verify', '-f', file]);
    expect(verified.code).toBe(1);
    expect(verified.stderr).toMatch(/F352/);
    expect(verified.stderr).toContain(`entry ${at + 1} was removed`);
    expect(verified.stderr).toContain(`'migrate ${plan.id} begun'`);
  }));
