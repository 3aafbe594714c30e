import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import { sameDigest } from '../../../src/engines/helper/both-ends.ts';
import { compareNodes, containerFindings } from '../../../src/engines/helper/findings.ts';
import { type ContainerFacts, type NodeFacts, OBSTACLE_CODES } from '../../../src/helper/protocol.ts';
import { CONTAINER_FACTS, NODE_FACTS } from '../../fakes/fake-helper.ts';

const plan = {
  source: { context: 'east', node: 'east-1', containers: [{ name: 'app' }] },
  target: { context: 'west', node: 'west-1' },
} as unknown as Plan;

function container(facts: Partial<ContainerFacts>) {
  return containerFindings(plan, 'app', { ...CONTAINER_FACTS, ...facts });
}

function nodes(source: Partial<NodeFacts>, target: Partial<NodeFacts>, facts: Partial<ContainerFacts> = {}) {
  const { memoryBytes } = { ...CONTAINER_FACTS, ...facts };
  const here = { node: { ...NODE_FACTS, ...source }, memoryBytes };
  return compareNodes(plan, here, { ...NODE_FACTS, ...target });
}

describe('a container', () => {
  it('with nothing special has no findings', () => {
    expect(container({})).toEqual([]);
  });

  it.each(OBSTACLE_CODES)('with %s is declined by name', (code) => {
    const [found, ...others] = container({ obstacles: [{ code, detail: 'descriptor 7' }] });
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code: 'E150', severity: 'error' });
    expect(found?.what).toContain(`descriptor 7 (${code})`);
    expect(found?.remedy).toBeTruthy();
  });

  it('with a socket on the pod’s own address is told what to listen on instead', () => {
    const [found] = container({ obstacles: [{ code: 'pod-address-socket', detail: '10.1.0.5:80' }] });
    expect(found?.remedy).toContain('0.0.0.0');
  });

  it('that knows its cluster’s addresses is a warning', () => {
    const process = { ...CONTAINER_FACTS.process, envNames: ['KUBERNETES_SERVICE_HOST'] };
    expect(container({ process })).toMatchObject([{ code: 'W201', severity: 'warning' }]);
  });

  it('with connections to the outside is a warning with their number; others do not count', () => {
    const socket = (kind: 'outside' | 'inside' | 'listening') =>
      ({ protocol: 'tcp', kind, local: 'a', remote: 'b' }) as const;
    const sockets = [socket('outside'), socket('inside'), socket('listening'), socket('outside')];
    expect(container({ sockets })).toMatchObject([
      { code: 'W203', severity: 'warning', what: expect.stringMatching(/^2 connections/) },
    ]);
  });
});

describe('two nodes', () => {
  const room = 1024 * 2 ** 20;

  it.each<readonly [string, ReturnType<typeof nodes>, string, RegExp]>([
    ['of other architectures', nodes({}, { architecture: 'arm64' }), 'E130', /x64.*west-1 is arm64/],
    ['without the processor’s features', nodes({}, { cpuFlags: ['sse2'] }), 'E131', /west-1 lacks avx/],
    [
      'where CRIU does not work in the source',
      nodes({ criu: { version: '4', usable: false, problems: ['no ptrace'] } }, {}),
      'E151',
      /east-1: no ptrace/,
    ],
    [
      'where CRIU does not work in the target',
      nodes({}, { criu: { version: '4', usable: false, problems: ['a', 'b'] } }),
      'E151',
      /west-1: a; b/,
    ],
    [
      'without room in the target',
      nodes({}, { imagesFreeBytes: room }, { memoryBytes: room }),
      'E133',
      /west-1 has 1024/,
    ],
    [
      'without memory for image and process in the target',
      nodes({}, { memoryAvailableBytes: 2 * room }, { memoryBytes: room }),
      'E133',
      /west-1 has 2048 MiB free .* 2112 MiB are needed/,
    ],
    [
      'without memory in the source',
      nodes({ memoryAvailableBytes: room }, {}, { memoryBytes: room }),
      'E133',
      /east-1 has 1024/,
    ],
    [
      'without room in the source',
      nodes({ imagesFreeBytes: room }, {}, { memoryBytes: room }),
      'E133',
      /1088 MiB are needed/,
    ],
  ])('%s are declined', (_name, found, code, words) => {
    expect(found.map((finding) => finding.code)).toEqual([code]);
    expect(found[0]).toMatchObject({ severity: 'error', what: expect.stringMatching(words) });
  });

  it('may differ where the target has more', () => {
    expect(nodes({}, { cpuFlags: [...NODE_FACTS.cpuFlags, 'avx512f'], kernel: '6.12.0' })).toEqual([]);
  });

  it('are told everything at once', () => {
    expect(nodes({}, { architecture: 'arm64', cpuFlags: [], imagesFreeBytes: 0 })).toHaveLength(3);
  });
});

describe('the two ends of a transfer', () => {
  const sent = { bytes: 3, sha256: 'a'.repeat(64), milliseconds: 1 };

  it('agree by bytes and digest, whatever time they took', () => {
    expect(() => sameDigest('files', sent, { ...sent, milliseconds: 9 })).not.toThrow();
  });

  it.each([{ bytes: 4 }, { sha256: 'b'.repeat(64) }])('disagree by either: %j', (other) => {
    const differs = () => sameDigest('files', sent, { ...sent, ...other });
    expect(differs).toThrowError(expect.objectContaining({ code: 'F342', detail: expect.stringContaining('files') }));
  });
});
