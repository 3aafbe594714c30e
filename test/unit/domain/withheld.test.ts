import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import { hasWithheld, restoreWithheld, tellable, withhold, withoutValues } from '../../../src/domain/withheld.ts';
import { placeholderStartupProbe } from '../../../src/helper/placeholder-spec.ts';

const WORDS = 'correct horse';

describe('what is withheld', () => {
  const container = {
    name: 'app',
    args: ['--env'],
    env: [
      { name: 'PASSWORD', value: WORDS },
      { name: 'EMPTY', value: '' },
      { name: 'FROM', valueFrom: { secretKeyRef: { name: 'password', key: 'word' } } },
    ],
  };
  const headers = { httpGet: { path: '/', port: 80, httpHeaders: [{ name: 'Authorization', value: WORDS }] } };
  const startup = { kind: 'http', port: 80, path: '/', headers: headers.httpGet.httpHeaders } as const;
  const placeholder = placeholderStartupProbe({
    ...{ initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1 },
    ...startup,
  });
  const repeated = JSON.stringify({ spec: { containers: [container] } });
  const pod = {
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': repeated, note: 'kept' } },
    spec: { initContainers: [container], containers: [container] },
  };

  it('is the value of each variable, and an annotation that repeats them; everything else stays', () => {
    const { content, values } = withhold(pod);
    expect(values).toEqual([repeated, WORDS, WORDS]);
    expect(JSON.stringify(content)).not.toContain(WORDS);
    expect(content).toMatchObject({
      metadata: { annotations: { note: 'kept' } },
      spec: {
        containers: [{ name: 'app', args: ['--env'], env: [{ name: 'PASSWORD' }, container.env[1], container.env[2]] }],
      },
    });
    expect(hasWithheld(content)).toBe(true);
    expect(restoreWithheld(content, values)).toEqual(pod);
  });

  it('is the value of each header of a probe, also where a placeholder does the work of the probe', () => {
    const probes = { readinessProbe: headers, startupProbe: placeholder, lifecycle: { postStart: headers } };
    const { content, values } = withhold({ spec: { containers: [probes] } } as unknown as Json);
    expect(values).toEqual([WORDS, WORDS, WORDS]);
    expect(JSON.stringify(content)).toContain('Authorization');
    expect(restoreWithheld(content, values)).toEqual({ spec: { containers: [probes] } });
    const applied = JSON.stringify({ spec: { containers: [{ livenessProbe: headers }] } });
    expect(withhold({ metadata: { annotations: { applied } } }).values).toEqual([applied]);
  });

  it('stays withheld as long as there is no value for it', () => {
    const { content } = withhold(pod);
    expect(restoreWithheld(content, [])).toEqual(content);
    expect(hasWithheld(restoreWithheld(content, [repeated, WORDS]))).toBe(true);
    expect(hasWithheld(pod)).toBe(false);
  });

  it('is told to nobody, wherever a difference is', () => {
    const told = [
      tellable('spec.containers[0].env[0].value', WORDS),
      tellable('manifest.spec.containers.0.env.0', container.env[0] ?? null),
      tellable('spec.containers', [container]),
      tellable('spec.containers[0].readinessProbe.httpGet.httpHeaders[0].value', WORDS),
      tellable('spec.containers[0].readinessProbe', headers),
      tellable('manifest.spec.containers.0.startupProbe.exec.command.9', WORDS),
      tellable('metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]', repeated),
      tellable('metadata.annotations.outer', JSON.stringify({ inner: repeated })),
      withoutValues(pod),
    ];
    expect(JSON.stringify(told)).not.toContain(WORDS);
    expect(tellable('spec.containers[0].image', WORDS)).toBe(WORDS);
  });

  it('leaves absent fields absent', () => {
    const { content } = withhold({ spec: { ordinals: undefined, env: [{ name: 'A', value: WORDS }] } });
    expect(content).not.toHaveProperty('spec.ordinals');
    expect(Object.keys((content as { spec: object }).spec)).toEqual(['env']);
  });

  it('comes back wherever it was', () => {
    const strings = fc.constantFrom('env', 'value', 'annotations', WORDS, '{"env":[]}', '');
    const anything = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: 'medium' },
        strings,
        fc.constant(null),
        fc.array(tie('json')),
        fc.dictionary(strings, tie('json')),
      ),
    })).json as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(anything, (json) => {
        const { content, values } = withhold(json);
        expect(restoreWithheld(content, values)).toEqual(json);
      }),
    );
  });
});
