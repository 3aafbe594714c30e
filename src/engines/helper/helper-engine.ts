import { z } from 'zod';
import { MigrateError } from '../../domain/errors.ts';
import { need } from '../../domain/need.ts';
import { allContainers, type Plan, type PodVolume } from '../../domain/plan.ts';
import type { HelperResult } from '../../helper/protocol.ts';
import type { Engine, EngineContext, EngineResults, Frozen, Probed } from '../engine.ts';
import { bothEnds } from './both-ends.ts';
import { compareNodes, containerFindings, hasRoomForCopy } from './findings.ts';
import { handoversOf } from './handovers.ts';
import { CHANNEL, HelperPods, type HelperPodsOptions } from './helper-pods.ts';
import { letGoOn } from './let-go-on.ts';
import { look } from './look.ts';
import { createRehearsing, losses, prepareArguments } from './rehearse.ts';
import { createSourceHelper } from './source-helper.ts';
import { mountsInPlace, siblings, withVolumes } from './with-volumes.ts';

/** How long the source's node may take to hear from an address of the target, in ms. */
const REACH_MS = 3000;

const restoredSchema = z.looseObject({ processes: z.number() });

/** The helper engine: a privileged pod on each of the two nodes runs CRIU on the container's processes. */
export function createHelperEngine(options: HelperPodsOptions): Engine {
  const pods = new HelperPods(options);
  const keeper = createSourceHelper(pods, options);
  return {
    name: 'helper',
    runsOnRestore: false,
    rehearsing: createRehearsing(pods, keeper),
    start: ({ signal, waiting }) => pods.start({ signal, onProgress: waiting }),
    attach: ({ signal }) => pods.attach(signal),
    look: (context) => look(pods, context),
    remove: ({ signal, waiting }) => pods.remove({ signal, onProgress: waiting }),
    close: () => pods.close(),
    probe: async (context, volumes) => {
      const [seen, unheld] = await Promise.all([probe(pods, context, volumes), keeper.holdFindings(context.signal)]);
      return { ...seen, findings: [...seen.findings, ...unheld] };
    },
    reach: ({ signal }, address) => pods.call('source', 'reach', { address, timeoutMs: REACH_MS }, { signal }),
    prepareTarget: async (context, startPod) => {
      const placeholder = await startPod();
      const args = prepareArguments(context, placeholder.containerIds);
      await pods.call('target', 'prepare-restore', args, { signal: context.signal });
      return placeholder;
    },
    discard: async ({ signal }, containerIds) => {
      if (!pods.has('target')) return;
      // What waits in its cgroups for the restore would keep kubelet from ending it; the helper's own end does so too.
      const args = { containerIds: [...containerIds] };
      await pods.call('target', 'discard', args, { signal }).catch(() => undefined);
    },
    copyAhead: (context) => copyAhead(pods, context),
    freeze: (context) => freeze(pods, context),
    thaw: async (context, frozen) => {
      if (frozen || pods.has('source')) await keeper.thaw(context.results.probe?.volumes ?? [], reportOf(context));
    },
    transfer: async () => ({ bytes: await pods.imagesArrived() }),
    restore: async (context) => {
      const { plan, results } = context;
      const standIns = plan.rehearsal ? { standIns: mountsInPlace(plan) } : {};
      const args = { ...target(context), handovers: handoversOf(results), ...standIns, ...losses(plan) };
      const { criu, processes, guardMs, totalMs } = await pods.call('target', 'restore', args, {
        signal: context.signal,
      });
      return { criu, processes, guardMs, totalMs };
    },
    verify: async ({ results }) => verify(results),
    seal: ({ signal, warn }) => keeper.seal(signal, warn),
    handOver: async (context) => {
      const report = reportOf(context);
      await Promise.all([letGoOn(pods, options.target, context, report), keeper.release(report)]);
    },
    endTransfer: async ({ signal }) => {
      if (!pods.has('source')) return;
      await pods.call('source', 'close-channel', { channel: CHANNEL }, { signal });
    },
  };
}

function reportOf({ signal, waiting }: EngineContext) {
  return { signal, onProgress: waiting };
}

function source({ source: { containers } }: Plan) {
  return { containerIds: containers.map(({ id }) => id) };
}

/** The containers, each with the volumes that are read through it and those that stay where they are. */
function sourceWith(plan: Plan, volumes: readonly PodVolume[], inPlace: readonly string[][] = mountsInPlace(plan)) {
  const containers = withVolumes(plan, source(plan).containerIds, volumes);
  return { containers: containers.map((each, index) => ({ ...each, inPlace: [...(inPlace[index] ?? [])] })) };
}

function target({ results }: EngineContext) {
  return { containerIds: [...need(need(results, 'placeholder'), 'containerIds')] };
}

async function probe(
  pods: HelperPods,
  { plan, signal }: EngineContext,
  volumes: readonly PodVolume[],
): Promise<Probed> {
  const { afresh = [] } = plan.source;
  const moving = sourceWith(plan, volumes, mountsInPlace(plan, 'shared')).containers;
  const asked = [...moving, ...afresh.map(({ id }) => ({ id, volumes: [] }))];
  const [{ node, containers: all }, targetNode] = await Promise.all([
    pods.call('source', 'probe', { containers: asked }, { signal }),
    pods.call('target', 'probe-node', {}, { signal }),
  ]);
  const containers = all.slice(0, moving.length);
  const memoryBytes = containers.reduce((sum, container) => sum + container.memoryBytes, 0);
  const named = plan.source.containers.flatMap(({ name }, index) => {
    const facts = containers[index];
    return facts ? [{ name, facts }] : [];
  });
  return {
    commandLines: Object.fromEntries(
      allContainers(plan).map(({ name }, index) => [name, all[index]?.process.args ?? []]),
    ),
    addresses: containers[0]?.addresses ?? [],
    memoryBytes,
    roomForCopy: hasRoomForCopy(memoryBytes, node, targetNode),
    processes: containers.reduce((sum, { processes }) => sum + processes.length, 0),
    findings: [
      ...named.flatMap(({ name, facts }) => containerFindings(plan, name, facts)),
      ...compareNodes(plan, { node, memoryBytes }, targetNode),
    ],
  };
}

/** As many processes are stopped in the target as were dumped; the helper has compared them one by one. */
function verify(results: EngineResults): { processes: number } {
  const dumped = handoversOf(results).reduce((sum, { innerPids }) => sum + innerPids.length, 0);
  const { processes } = restoredSchema.parse(need(results, 'restore'));
  if (processes === dumped) return { processes };
  throw new MigrateError('F341', {
    detail: `${dumped} processes were dumped, ${processes} were restored`,
    remedy: 'report this with the plan (-o yaml --dry-run)',
  });
}

/** Changed files and volumes. */
async function copyAhead(pods: HelperPods, context: EngineContext) {
  const { plan, results, signal, copied } = context;
  const { volumes } = need(results, 'probe');
  // The channel stays open for the freeze, whose bytes are not this step's.
  let own = true;
  await pods.openChannel({ channel: CHANNEL, from: 'source', to: 'target' }, signal, (bytes, rate) => {
    if (own) copied(bytes, rate);
  });
  const sent = await bothEnds(
    'files',
    pods.call('source', 'precopy', { ...sourceWith(plan, volumes), channel: CHANNEL }, { signal }),
    pods.call('target', 'receive', { channel: CHANNEL, what: 'files', ...target(context) }, { signal }),
  );
  const memoryBytes = await copyMemory(pods, context);
  own = false;
  return { bytes: sent.transfer.bytes + memoryBytes, files: sent.files };
}

/** The pod's memory, where both nodes have room for it twice; without it the freeze carries all of it. Yields bytes. */
async function copyMemory(pods: HelperPods, context: EngineContext): Promise<number> {
  const { plan, results, signal } = context;
  if (need(results, 'probe').roomForCopy !== true) return 0;
  const { transfer } = await bothEnds(
    'memory',
    pods.call('source', 'copy-memory', { ...source(plan), channel: CHANNEL }, { signal }),
    pods.call('target', 'receive', { channel: CHANNEL, what: 'memory', ...target(context) }, { signal }),
  );
  return transfer.bytes;
}

/** Dumped and left stopped behind the network lock; images and changed files leave as soon as they are there. */
async function freeze(pods: HelperPods, context: EngineContext): Promise<Frozen> {
  const { plan, results, signal } = context;
  const { volumes } = need(results, 'probe');
  pods.expectImages(target(context).containerIds, signal);
  const askedAt = Date.now();
  const frozen: HelperResult<'freeze'> = await pods.call(
    'source',
    'freeze',
    { ...sourceWith(plan, volumes), ...siblings(plan), channel: CHANNEL, thawAfterMs: plan.deadlines.maxFreeze },
    { signal },
  );
  pods.sentImages(frozen);
  const { handovers, criu, timings, images, knownBytes, delta } = frozen;
  const bytes = images.bytes + knownBytes + delta.bytes;
  return { handovers, criu, timings, bytes, knownBytes, digest: images.sha256, askedAt };
}
