import { writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseSettings } from '../../../cmd/settings-file.ts';
import { CheckpointCheck } from '../../../src/archive/checkpoint-archive.ts';
import { failureCode } from '../../../src/domain/errors.ts';
import { writeTar } from '../../../src/helper/image/tar-writer.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { takeCheckpoint } from '../../../src/kube/checkpoint.ts';
import { listContexts, loadKubeconfig, selectContext } from '../../../src/kube/kubeconfig.ts';
import { readPlans, savedPlan } from '../../../src/planner/plan-file.ts';
import { SELECTOR_ANNOTATION, takenSelector } from '../../../src/routes/service-facts.ts';
import { parseChallenge, refusalOf } from '../../../src/transfer/registry/http.ts';
import { parseImage, parseRepository } from '../../../src/transfer/registry/reference.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { plan, twoClusters } from '../../fixtures/two-clusters.ts';
import { outcomeOf } from '../../support/outcome.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A text with some of its characters replaced, removed or doubled. */
function damaged(text: string): fc.Arbitrary<string> {
  const cut = fc.record({ at: fc.nat(text.length - 1), length: fc.nat(40), by: fc.string({ maxLength: 40 }) });
  return cut.map(({ at, length, by }) => text.slice(0, at) + by + text.slice(at + length));
}

describe('what comes from outside is taken as it was meant, or refused by name', () => {
  it('a plan file', async () => {
    const saved = stringify(savedPlan(await plan(twoClusters({ services: [service('cart')] }))));
    const [whole] = readPlans(saved, 'plan.yaml');
    fc.assert(
      fc.property(fc.oneof(damaged(saved), fc.string(), fc.json()), (text) => {
        let read: unknown;
        const code = outcomeOf(() => {
          read = readPlans(text, 'plan.yaml');
        });
        // Spaces and the like may change without any change of what it says.
        if (code === undefined) expect(read).toEqual([whole]);
        else expect(code).toBe('F308');
      }),
      { numRuns: 300 },
    );
  });

  it('a plan file, a kubeconfig or settings whose aliases lead nowhere, or to more than was written', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdefg'.split('').map((key, index) => {
        const before = 'abcdef'[index];
        return `${key}: &${key} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`;
      }),
    ].join('\n');
    const file = path.join(temporaryFolder(), 'config');
    for (const text of ['schema: *none', bomb]) {
      expect(outcomeOf(() => readPlans(text, 'plan.yaml'))).toBe('F308');
      writeFileSync(file, text);
      expect(outcomeOf(() => loadKubeconfig({ file }))).toBe('F302');
      expect(outcomeOf(() => parseSettings(file, text))).toBe('F309');
    }
  });

  it('a kubeconfig', () => {
    const good = stringify({
      'current-context': 'east',
      contexts: [{ name: 'east', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443' } }],
      users: [{ name: 'u', user: { token: 't' } }],
    });
    const file = path.join(temporaryFolder(), 'config');
    fc.assert(
      fc.property(fc.oneof(damaged(good), fc.string(), fc.json()), (text) => {
        writeFileSync(file, text);
        const code = outcomeOf(() => {
          const read = loadKubeconfig({ file });
          for (const name of listContexts(read)) selectContext(read, name, '--context');
        });
        expect([undefined, 'F302']).toContain(code);
      }),
      { numRuns: 300 },
    );
  });

  it('the archive of a checkpoint: nothing is in one that passes but what a runtime puts there', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const files = {
      'config.dump': JSON.stringify({ rootfsImageRef: `registry.example/redis@${digest}`, rootfsImageName: 'redis' }),
      'spec.dump': JSON.stringify({ annotations: { 'io.kubernetes.cri.container-name': 'main' } }),
      'checkpoint/inventory.img': 'pages',
    };
    const entries = Object.entries(files).map(([name, text]) => ({
      kind: 'file' as const,
      path: name,
      mode: 0o600,
      data: Buffer.from(text),
    }));
    const good = writeTar([{ kind: 'directory', path: 'checkpoint', mode: 0o700 }, ...entries]);
    const check = (data: Buffer) => {
      const looks = new CheckpointCheck({ bytes: data.length, imageDigest: digest, imageNames: ['redis'] });
      looks.write(data);
      looks.end();
    };
    expect(outcomeOf(() => check(good))).toBeUndefined();
    const flips = fc.array(fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(flips, (changes) => {
        const data = Buffer.from(good);
        for (const { at, to } of changes) data.writeUInt8(to, at);
        const code = outcomeOf(() => check(data));
        expect([undefined, 'F347']).toContain(code);
        // A header has a sum over itself: what passes has all of them as they were, or changes that make up for each other.
        const headers = (archive: Buffer) =>
          [0, 1, 3, 5].map((block) => archive.subarray(block * 512, block * 512 + 100));
        if (code === undefined && changes.length === 1) expect(headers(data)).toEqual(headers(good));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (data) => {
        expect(outcomeOf(() => check(Buffer.from(data)))).toBe('F347');
      }),
    );
  });

  it('kubelet’s answer to a checkpoint', async () => {
    const asked = { node: 'n', namespace: 's', pod: 'p', container: 'c', timeoutMs: 1000 };
    const answers = fc.oneof(
      fc.anything(),
      fc.record({ items: fc.array(fc.oneof(fc.string(), fc.constant('/var/a.tar'))) }),
    );
    await fc.assert(
      fc.asyncProperty(answers, async (answer) => {
        const api = { request: async () => answer } as unknown as ApiClient;
        const [first, ...others] = (answer as { items?: unknown[] } | null)?.items ?? [];
        const isOne = [first, ...others].every((each) => typeof each === 'string' && each.startsWith('/'));
        const outcome = await takeCheckpoint(api, asked).catch((error: unknown) => failureCode(error) ?? error);
        if (isOne && typeof first === 'string' && first.length <= 4096) expect(outcome).toBe(first);
        else expect(outcome).toMatchObject({ info: expect.anything() });
      }),
    );
  });

  it('the annotation that keeps a selector', () => {
    const pod = runningPod();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('{"app":"cart"}')), (text) => {
        const kept = service('cart', { selector: undefined } as never);
        kept.metadata.annotations = { [SELECTOR_ANNOTATION]: text };
        const taken = takenSelector(kept, pod);
        if (taken === undefined) return;
        expect(JSON.parse(text)).toEqual(taken);
        for (const [key, value] of Object.entries(taken)) expect(pod.metadata.labels?.[key]).toBe(value);
      }),
    );
  });

  it('a registry’s refusal and its challenge, and a reference to what is in it', () => {
    const answer = fc.record({ status: fc.nat(600), text: fc.oneof(fc.string(), fc.json()) });
    fc.assert(
      fc.property(answer, fc.string(), ({ status, text }, header) => {
        const refusal = refusalOf({ status, text, headers: {} } as never);
        expect(refusal).toEqual({ status, code: expect.any(String), message: expect.any(String) });
        const { scheme, parameters } = parseChallenge(header);
        expect([scheme, ...Object.values(parameters)].every((each) => typeof each === 'string')).toBe(true);
        for (const parsed of [parseRepository(header), parseImage(header)]) {
          if (parsed === undefined) continue;
          expect(parsed.host).not.toMatch(/[\s/@]/);
          expect(parsed.repository).toMatch(/^[a-z0-9._/-]+$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
