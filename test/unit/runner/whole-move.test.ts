import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../../src/domain/errors.ts';
import type { HelperOp } from '../../../src/helper/protocol.ts';
import type { ApiRequest } from '../../../src/kube/api-client.ts';
import type { EndpointSlice, Pod, Service } from '../../../src/kube/objects.ts';
import { RESOURCES } from '../../../src/kube/resources.ts';
import type { Message } from '../../../src/report/message.ts';
import { CONTAINER_FACTS, frozenWith, NODE_FACTS } from '../../fakes/fake-helper.ts';
import { MovingProgram } from '../../fakes/moving-program.ts';
import { move } from '../../fixtures/move.ts';
import { runningPod, service } from '../../fixtures/objects.ts';
import { type Clusters, contents, twoClusters } from '../../fixtures/two-clusters.ts';

const sibling = runningPod({ name: 'cart-1' });

function shop(): Clusters {
  if (sibling.status) sibling.status = { ...sibling.status, podIP: '10.1.0.6', podIPs: [{ ip: '10.1.0.6' }] };
  return twoClusters({ services: [service('cart')], siblings: [sibling] });
}

function addresses(cluster: Clusters['east'], name: string): string[] {
  const all = cluster.all(RESOURCES.endpointSlice, 'shop') as EndpointSlice[];
  return all
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses))
    .toSorted();
}

describe('a move', () => {
  it('does nothing that its plan does not declare, and ends with the target serving', async () => {
    const clusters = shop();
    const { east, west } = clusters;
    const { results, state } = await move(clusters);
    expect(results.switch?.downMs).toBeGreaterThanOrEqual(0);
    expect(state).toBe('done');
    expect(east.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
    expect(west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.status?.phase).toBe('Running');
    const target = west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.status?.podIP ?? '';
    expect(addresses(east, 'cart')).toEqual(['10.1.0.6', target].toSorted());
    expect(addresses(west, 'cart')).toEqual([target]);
    expect(west.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toEqual({ app: 'cart' });
    for (const cluster of [east, west]) expect(cluster.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
  });

  it('asks the helpers in the order in which nothing can be lost', async () => {
    const clusters = shop();
    await move(clusters);
    const { source, target } = clusters.helpers;
    const order: HelperOp[] = [
      ...(['probe', 'precopy', 'copy-memory', 'freeze', 'seal', 'release-connections', 'close-channel'] as const),
    ];
    expect(source.asked.filter((op) => order.includes(op))).toEqual(order);
    const there: HelperOp[] = ['prepare-restore', 'restore', 'continue'];
    expect(target.asked.filter((op) => there.includes(op))).toEqual(there);
    expect(source.asked).not.toContain('thaw');
  });

  it('of one container stops the others at the same moment and starts them afresh', async () => {
    const pod = runningPod({
      spec: {
        containers: ['app', 'proxy'].map((name) => ({ name, image: 'registry.example/cart:1', command: [`/${name}`] })),
      },
    });
    const [status] = pod.status?.containerStatuses ?? [];
    const proxy = 'c1'.repeat(32);
    if (status) pod.status?.containerStatuses?.push({ ...status, name: 'proxy', containerID: `containerd://${proxy}` });
    const clusters = twoClusters({ pod });
    const { source, target } = clusters.helpers;
    source.answers.probe = {
      node: NODE_FACTS,
      containers: [CONTAINER_FACTS, { ...CONTAINER_FACTS, containerId: proxy }],
    };
    const asked = new Map<HelperOp, Record<string, unknown>>();
    for (const helper of [source, target])
      helper.play = (op, args) => void asked.set(op, args as Record<string, unknown>);
    const { plan, state } = await move(clusters, { request: { container: 'app' } });
    expect(state).toBe('done');
    expect(plan.warnings).toMatchObject([{ code: 'W215', what: expect.stringMatching(/^proxy starts afresh/) }]);
    expect(asked.get('freeze')).toMatchObject({ containers: [{ id: 'c0'.repeat(32) }], siblings: [proxy] });
    const made = clusters.west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
    expect(made?.spec.containers.map(({ command }) => command?.slice(-2))).toEqual([
      ['--', '/app'],
      ['--', '/proxy'],
    ]);
    const idOf = (name: string) =>
      made?.status?.containerStatuses?.find((each) => each.name === name)?.containerID?.replace('containerd://', '');
    expect(asked.get('continue')).toEqual({ containerIds: [idOf('app')], afresh: [idOf('proxy')] });
  });

  it('of a container that the pod has not is declined', async () => {
    const thrown = await move(shop(), { request: { container: 'other' } }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ findings: [{ code: 'E109', remedy: expect.stringContaining('app') }] });
  });

  it('copies no memory ahead where a node has no room for it', async () => {
    const clusters = shop();
    const { answers, asked } = clusters.helpers.target;
    // The images and the process of 1 MiB, but not a copy besides.
    answers['probe-node'] = { ...NODE_FACTS, imagesFreeBytes: 67 * 2 ** 20 };
    const { state } = await move(clusters);
    expect(state).toBe('done');
    expect([...asked, ...clusters.helpers.source.asked]).not.toContain('copy-memory');
  });

  it('that goes back again leaves each cluster’s services as they were', async () => {
    const first = shop();
    await move(first);
    expect(first.east.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toBeUndefined();
    // What was the target is now the source.
    const { east, west } = first;
    first.helpers.target.on = () => undefined;
    const { state } = await move(first, { back: true });
    expect(state).toBe('done');
    expect(west.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
    const cart = east.peek<Service>(RESOURCES.service, 'shop', 'cart');
    expect(cart?.spec.selector).toEqual({ app: 'cart' });
    expect(cart?.metadata.annotations ?? {}).toEqual({});
    const home = east.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0')?.status?.podIP ?? '';
    expect(addresses(east, 'cart')).toEqual(['10.1.0.6', home].toSorted());
  });
});

const before: readonly (readonly ['source' | 'target', HelperOp, string])[] = [
  ['source', 'probe', 'F332'],
  ['target', 'probe-node', 'F332'],
  ['target', 'prepare-restore', 'F332'],
  ['source', 'reach', 'F332'],
  ['source', 'await-channel', 'F332'],
  ['source', 'precopy', 'F332'],
  ['source', 'copy-memory', 'F332'],
  ['target', 'receive', 'F332'],
  ['source', 'freeze', 'F332'],
  ['target', 'restore', 'F332'],
  ['source', 'seal', 'F332'],
];

describe('a move that fails before the commit', () => {
  it.each(before)('in the %s helper’s %s leaves both clusters as they were', async (side, op, code) => {
    const clusters = shop();
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    clusters.helpers[side].fail.set(op, { code: 'tool-failed', summary: 'made to fail', detail: '' });
    await expect(move(clusters)).rejects.toMatchObject({
      code,
      outcome: 'failed',
      detail: expect.stringContaining('made to fail'),
    });
    expect(contents(clusters.east)).toEqual(was.east);
    expect(contents(clusters.west)).toEqual(was.west);
    const frozen = clusters.helpers.source.asked.includes('freeze');
    expect(clusters.helpers.source.asked.includes('thaw')).toBe(frozen);
  });

  it('because a process is missing in the target is told as F341', async () => {
    const clusters = shop();
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    clusters.helpers.source.answers.freeze = frozenWith([1, 7]);
    await expect(move(clusters)).rejects.toMatchObject({
      code: 'F341',
      detail: '2 processes were dumped, 1 were restored',
    });
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
  });

  it('because the source ends in the middle of a copy is told as that, whoever notices first', async () => {
    const clusters = shop();
    const { source, target } = clusters.helpers;
    source.fail.set('precopy', { code: 'container-not-found', summary: 'a container ended', detail: '' });
    target.fail.set('receive', { code: 'transfer-broken', summary: 'the stream ended', detail: '' });
    await expect(move(clusters)).rejects.toMatchObject({ code: 'F344' });
  });

  it('because the target does not answer in the source cluster is declined with E160', async () => {
    const clusters = shop();
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    clusters.helpers.source.answers.reach = { reachable: false, detail: 'silence' };
    await expect(move(clusters)).rejects.toMatchObject({
      outcome: 'declined',
      findings: [expect.objectContaining({ code: 'E160', remedy: expect.stringContaining('--route none') })],
    });
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
  });

  it.each([
    ['helper-', 'F333', '--helper-image'],
    ['cart-', 'F343', '--to-node'],
  ])('because the image of %s cannot be pulled says so', async (pods, code, flag) => {
    const stuck = (pod: Pod) =>
      pod.metadata.name.startsWith(pods) ? { reason: 'ImagePullBackOff', message: 'no such image' } : undefined;
    const clusters = twoClusters({ stuck });
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    await expect(move(clusters)).rejects.toMatchObject({
      code,
      detail: expect.stringContaining('no such image'),
      remedy: expect.stringContaining(flag),
    });
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
  });

  it.each([
    ['is gone', () => undefined],
    [
      'is being deleted',
      (pod: Pod) => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    ],
    ['is another one', (pod: Pod) => ({ ...pod, metadata: { ...pod.metadata, uid: 'another' } })],
    [
      'was restarted',
      (pod: Pod) => ({
        ...pod,
        status: {
          ...pod.status,
          containerStatuses: pod.status?.containerStatuses?.map((each) => ({
            ...each,
            containerID: 'containerd://other',
          })),
        },
      }),
    ],
  ])('because the target pod %s right before the commit leads back to a source that serves', async (_what, change) => {
    const clusters = twoClusters({ services: [service('cart')] });
    const { east, west, helpers } = clusters;
    const program = new MovingProgram(clusters);
    helpers.target.on = (op) => {
      if (op !== 'restore') return;
      const pod = west.peek<Pod>(RESOURCES.pod, 'shop', 'cart-0');
      west.remove(RESOURCES.pod, 'shop', 'cart-0');
      const changed = pod && change(pod);
      if (changed) west.seed(RESOURCES.pod, changed);
    };
    const was = contents(east);
    await expect(move(clusters)).rejects.toMatchObject({ code: 'F349', outcome: 'failed' });
    expect(contents(east)).toEqual(was);
    expect(program.running()).toEqual(['source']);
  });

  it('because the source pod was deleted before the restore ends clean, and says that it is gone', async () => {
    const clusters = twoClusters({ services: [service('cart')] });
    const program = new MovingProgram(clusters);
    clusters.helpers.source.on = (op) => {
      if (op === 'copy-memory') clusters.east.remove(RESOURCES.pod, 'shop', 'cart-0');
    };
    const west = contents(clusters.west);
    const messages: Message[] = [];
    const onMessage = (message: Message) => void messages.push(message);
    await expect(move(clusters, { onMessage })).rejects.toMatchObject({ code: 'F344', outcome: 'failed' });
    expect(contents(clusters.west)).toEqual(west);
    expect(program.running()).toEqual([]);
    const last = messages.at(-1);
    expect(last).toMatchObject({ code: 'I410', text: expect.stringContaining('pod shop/cart-0 was removed') });
    expect(last?.text).not.toContain('serves');
    expect(clusters.east.peek<Service>(RESOURCES.service, 'shop', 'cart')?.spec.selector).toEqual({ app: 'cart' });
  });
});

describe('an interrupt', () => {
  const reason = new MigrateError('F306', { detail: 'Ctrl-C', remedy: 'again', outcome: 'interrupted' });

  function interruptAt(clusters: Clusters, side: 'source' | 'target', op: HelperOp): AbortSignal {
    const interrupt = new AbortController();
    const { on } = clusters.helpers[side];
    clusters.helpers[side].on = (asked) => {
      on(asked);
      if (asked === op) interrupt.abort(reason);
    };
    return interrupt.signal;
  }

  it.each(before)('while the %s helper does its %s leaves both clusters as they were', async (side, op) => {
    const clusters = shop();
    const was = { east: contents(clusters.east), west: contents(clusters.west) };
    const interrupt = interruptAt(clusters, side, op);
    await expect(move(clusters, { interrupt })).rejects.toMatchObject({ code: 'F306', outcome: 'interrupted' });
    expect({ east: contents(clusters.east), west: contents(clusters.west) }).toEqual(was);
    const frozen = clusters.helpers.source.asked.includes('freeze');
    expect(clusters.helpers.source.asked.includes('thaw')).toBe(frozen);
  });

  it.each([
    ['target', 'continue'],
    ['source', 'release-connections'],
    ['source', 'close-channel'],
  ] as const)('after the commit, in the %s helper’s %s, does not stop the move', async (side, op) => {
    const clusters = shop();
    const { state } = await move(clusters, { interrupt: interruptAt(clusters, side, op) });
    expect(state).toBe('done');
    expect(clusters.east.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeUndefined();
    expect(clusters.helpers.source.asked).not.toContain('thaw');
  });
});

describe('a failure of one helper pod', () => {
  const makesHelper = ({ method, path }: ApiRequest) => method === 'POST' && path.endsWith('/kubectl-migrate/pods');

  /** The target's cannot start, while the source's is still to be made for so long, in ms. */
  async function failed(ms: number) {
    const stuck = (pod: Pod) =>
      pod.metadata.name.endsWith('-target') ? { reason: 'ImagePullBackOff', message: 'no such image' } : undefined;
    const clusters = twoClusters({ stuck });
    const was = contents(clusters.east);
    clusters.east.faults.add({ when: makesHelper, fault: { kind: 'slow', ms } });
    const error = await move(clusters).catch((thrown: unknown) => thrown);
    expect(clusters.east.calls.filter(makesHelper).map(({ signal }) => signal?.aborted)).toEqual([true]);
    return { error, was, is: contents(clusters.east) };
  }

  it('ends what is under way for the other, and takes away what comes of it', async () => {
    const { error, was, is } = await failed(2500);
    expect(error).toMatchObject({ code: 'F333' });
    expect(is).toEqual(was);
  });

  it('says what may still come where that takes too long', async () => {
    const { error } = await failed(60_000);
    expect(error).toMatchObject({
      code: 'F390',
      detail: expect.stringContaining('create pod kubectl-migrate/helper-m-test-source'),
    });
  });
});

describe('a failure after the commit', () => {
  it('is made good when it passes: the target serves and nothing is left', async () => {
    const clusters = shop();
    const { on } = clusters.helpers.target;
    let tries = 0;
    const error = { code: 'tool-failed', summary: 'for a moment', detail: '' } as const;
    clusters.helpers.source.fail.set('release-connections', error);
    clusters.helpers.target.on = (op) => {
      on(op);
      tries += op === 'continue' ? 1 : 0;
      if (tries > 2) clusters.helpers.source.fail.clear();
    };
    const { state } = await move(clusters);
    expect(state).toBe('done');
    expect(tries).toBeGreaterThan(2);
    expect(clusters.east.all(RESOURCES.pod, 'kubectl-migrate')).toEqual([]);
  });

  it('for good is told as midway, and the source is never let go on', async () => {
    const clusters = shop();
    const error = { code: 'tool-failed', summary: 'for ever', detail: '' } as const;
    clusters.helpers.target.fail.set('continue', error);
    await expect(move(clusters)).rejects.toMatchObject({ code: 'F391', outcome: 'midway' });
    expect(clusters.helpers.source.asked).not.toContain('thaw');
    expect(clusters.east.peek(RESOURCES.pod, 'shop', 'cart-0')).toBeDefined();
    expect(clusters.east.all(RESOURCES.configMap, 'kubectl-migrate')).toHaveLength(1);
  });
});
