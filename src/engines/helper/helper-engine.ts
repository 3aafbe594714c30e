import { z } from 'zod';
import { MigrateError } from '../../domain/errors.ts';
import { need } from '../../domain/need.ts';
import type { Plan } from '../../domain/plan.ts';
import { SIDES } from '../../domain/refs.ts';
import { type HelperResult, helperOps, type MovedVolume } from '../../helper/protocol.ts';
import type { Engine, EngineContext, EngineResults, Frozen, Probed } from '../engine.ts';
import { compareNodes, containerFindings } from './findings.ts';
import { CHANNEL, HelperPods, type HelperPodsOptions } from './helper-pods.ts';
import { look } from './look.ts';
import { sameDigest } from './same-digest.ts';

/** How long the source's node may take to hear from an address of the target, in ms. */
const REACH_MS = 3000;

const handoverSchema = helperOps.restore.args.shape.handover;
const restoredSchema = z.looseObject({ processes: z.number() });

/** The helper engine: a privileged pod on each of the two nodes runs CRIU on the container's processes. */
export function createHelperEngine(options: Omit<HelperPodsOptions, 'sides'>): Engine {
  const pods = new HelperPods({ ...options, sides: SIDES });
  return {
    name: 'helper',
    runsOnRestore: false,
    start: ({ signal, waiting }) => pods.start({ signal, onProgress: waiting }),
    attach: ({ signal }) => pods.attach(signal),
    look: ({ signal }) => look(pods, signal),
    remove: ({ signal, waiting }) => pods.remove({ signal, onProgress: waiting }),
    close: () => pods.close(),
    probe: (context, volumes) => probe(pods, context, volumes),
    reach: ({ signal }, address) => pods.call('source', 'reach', { address, timeoutMs: REACH_MS }, { signal }),
    prepareTarget: async ({ plan, signal }, startPod) => {
      const placeholder = await startPod();
      const sourceAddresses = [...plan.source.addresses];
      const { containerId } = placeholder;
      await pods.call('target', 'prepare-restore', { containerId, sourceAddresses }, { signal });
      return placeholder;
    },
    discard: async ({ signal }, containerId) => {
      if (!pods.has('target')) return;
      // What waits in its cgroups for the restore would keep kubelet from ending it; the helper's own end does so too.
      await pods.call('target', 'discard', { containerId }, { signal }).catch(() => undefined);
    },
    copyAhead: (context) => copyAhead(pods, context),
    freeze: (context) => freeze(pods, context),
    thaw: async ({ plan, signal }) => {
      if (pods.has('source')) await pods.call('source', 'thaw', source(plan), { signal });
    },
    transfer: async () => ({ bytes: await pods.imagesArrived() }),
    restore: async (context) => {
      const handover = handoverSchema.parse(need(context.results, 'freeze')['handover']);
      const args = { ...target(context), handover };
      const { criu, processes, totalMs } = await pods.call('target', 'restore', args, { signal: context.signal });
      return { criu, processes, totalMs };
    },
    verify: async ({ results }) => verify(results),
    seal: async ({ plan, signal }) => {
      await pods.call('source', 'seal', source(plan), { signal });
    },
    handOver: async (context) => {
      const { signal } = context;
      await Promise.all([pods.call('target', 'continue', target(context), { signal }), pods.releaseSource(signal)]);
    },
    endTransfer: async ({ signal }) => {
      if (!pods.has('source')) return;
      await pods.call('source', 'close-channel', { channel: CHANNEL }, { signal });
    },
  };
}

function source({ source: { container } }: Plan) {
  return { containerId: container.id };
}

function target({ results }: EngineContext) {
  return { containerId: need(need(results, 'placeholder'), 'containerId') };
}

async function probe(pods: HelperPods, { plan, signal }: EngineContext, volumes: MovedVolume[]): Promise<Probed> {
  const [{ node, container }, targetNode] = await Promise.all([
    pods.call('source', 'probe', { ...source(plan), volumes }, { signal }),
    pods.call('target', 'probe-node', {}, { signal }),
  ]);
  return {
    args: container.process.args,
    memoryBytes: container.memoryBytes,
    processes: container.processes.length,
    findings: [...containerFindings(plan, container), ...compareNodes(plan, { node, container }, targetNode)],
  };
}

/** As many processes are stopped in the target as were dumped; the helper has compared them one by one. */
function verify(results: EngineResults): { processes: number } {
  const { innerPids } = handoverSchema.parse(need(results, 'freeze')['handover']);
  const { processes } = restoredSchema.parse(need(results, 'restore'));
  if (processes === innerPids.length) return { processes };
  throw new MigrateError('F341', {
    detail: `${innerPids.length} processes were dumped, ${processes} were restored`,
    remedy: 'report this with the plan (-o yaml --dry-run)',
  });
}

/** Changed files and volumes. */
async function copyAhead(pods: HelperPods, context: EngineContext) {
  const { plan, results, signal, copied } = context;
  const { volumes } = need(results, 'probe');
  // The channel stays open for the freeze, whose bytes are not this step's.
  let own = true;
  await pods.openChannel(signal, (bytes, rate) => {
    if (own) copied(bytes, rate);
  });
  const [received, sent] = await Promise.all([
    pods.call('target', 'receive', { channel: CHANNEL, what: 'files', ...target(context) }, { signal }),
    pods.call('source', 'precopy', { ...source(plan), channel: CHANNEL, volumes }, { signal }),
  ]);
  own = false;
  sameDigest('files', sent.transfer, received.transfer);
  return { bytes: sent.transfer.bytes, files: sent.files };
}

/** Dumped and left stopped behind the network lock; images and changed files leave as soon as they are there. */
async function freeze(pods: HelperPods, context: EngineContext): Promise<Frozen> {
  const { plan, results, signal } = context;
  const { volumes } = need(results, 'probe');
  pods.expectImages(target(context).containerId, signal);
  const askedAt = Date.now();
  const frozen: HelperResult<'freeze'> = await pods.call(
    'source',
    'freeze',
    { ...source(plan), channel: CHANNEL, volumes, thawAfterMs: plan.deadlines.maxFreeze },
    { signal },
  );
  pods.sentImages(frozen);
  const { handover, criu, timings, images, delta } = frozen;
  return { handover, criu, timings, bytes: images.bytes + delta.bytes, askedAt };
}
