import { z } from 'zod';
import { failureCode, isMigrateError, MigrateError } from '../../domain/errors.ts';
import { MIGRATION_ANNOTATION } from '../../domain/names.ts';
import { need } from '../../domain/need.ts';
import { onlyContainer, type Plan, type PodVolume } from '../../domain/plan.ts';
import type { ContainerFacts } from '../../helper/protocol.ts';
import type { Pod } from '../../kube/objects.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { Engine, EngineContext, EngineView, Frozen, Probed, Restored, Started, StartPod } from '../engine.ts';
import { compareProcessors, containerFindings } from '../helper/findings.ts';
import { HelperPods } from '../helper/helper-pods.ts';
import { lookAtSource } from '../helper/look.ts';
import { createSourceHelper, type SourceHelper } from '../helper/source-helper.ts';
import { Carrier, type CarrierOptions } from './carrier.ts';
import { configurationFindings, kubeletFindings, SHARED_MEMORY } from './findings.ts';
import { preparePulls, removePullPod } from './prepare-pulls.ts';
import { PushedImages } from './pushed-images.ts';

/** How long the source's node may take to hear from an address of the target, in ms. */
const REACH_MS = 3000;

const frozenSchema = z.looseObject({ archive: z.string(), bytes: z.number() });
const carriedSchema = z.looseObject({ image: z.string() });

export type KubeletEngineOptions = Omit<CarrierOptions, 'pods' | 'images'>;

/**
 * The kubelet engine (Forensic Container Checkpointing, KEP-2008): kubelet has the runtime take a checkpoint, which
 * becomes the image of the target pod, and the runtime there restores it. Kubelet leaves the source running, so a helper
 * pod beside it cuts it off before and stops it after the checkpoint. One in the target only looks at its node, and the
 * engine does without where none is let in.
 */
export function createKubeletEngine(given: KubeletEngineOptions): Engine {
  const options = { ...given, images: new PushedImages(given.registry) };
  const pods = new HelperPods(options);
  const keeper = createSourceHelper(pods, options);
  const carrier = new Carrier({ ...options, pods });
  return {
    name: 'kubelet',
    runsOnRestore: true,
    start: ({ plan: { target }, signal, waiting, warn }) => {
      carrier.begin();
      return pods.start({ signal, onProgress: waiting }, (_side, { code, detail }) =>
        warn(`nobody looks at node ${target.node} of ${target.context} before the freeze: ${code} ${detail}`),
      );
    },
    attach: ({ signal }) => pods.attach(signal),
    look: (context) => look(pods, options, context),
    remove: async (context) => {
      await removePullPod(options, context);
      await carrier.remove(context);
      await pods.remove({ signal: context.signal, onProgress: context.waiting });
    },
    close: () => pods.close(),
    probe: async (context, volumes) => {
      const [seen, unheld] = await Promise.all([probe(pods, context, volumes), keeper.holdFindings(context.signal)]);
      return { ...seen, findings: [...seen.findings, ...unheld] };
    },
    reach: ({ signal }, address) => pods.call('source', 'reach', { address, timeoutMs: REACH_MS }, { signal }),
    prepareTarget: async (context) => {
      await carrier.rehearse(context);
      await preparePulls(options, context);
      return {};
    },
    discard: async () => undefined,
    copyAhead: async () => ({ bytes: 0, files: 0 }),
    freeze: (context) => freeze(pods, carrier, context),
    thaw: async (context, frozen) => {
      const { results, signal, waiting } = context;
      if (frozen) carrier.warnOfUnnamed(context);
      if (frozen || pods.has('source'))
        await keeper.thaw(results.probe?.volumes ?? [], { signal, onProgress: waiting });
    },
    transfer: async (context) => {
      const { archive, bytes } = frozenSchema.parse(need(context.results, 'freeze'));
      return carrier.carry(context, archive, bytes);
    },
    restore: (context, startPod) => restore(keeper, context, startPod),
    verify: (context) => verify(options, context),
    seal: ({ signal, warn }) => keeper.seal(signal, warn),
    handOver: ({ signal, waiting }) => keeper.release({ signal, onProgress: waiting }),
    endTransfer: async () => undefined,
  };
}

/** The runtime starts the target’s container with its processes in it: one that is there runs. */
async function look(
  pods: HelperPods,
  options: KubeletEngineOptions,
  { plan, signal }: EngineContext,
): Promise<EngineView> {
  const { namespace, pod: name } = plan.target;
  const found = options.target.get<Pod>(RESOURCES.pod, name, { namespace, signal }).then(
    (pod) => (pod?.metadata.annotations?.[MIGRATION_ANNOTATION] === plan.id ? 'running' : 'waiting'),
    () => 'unknown' as const,
  );
  const [means, source, target] = await Promise.all([pods.present(signal), lookAtSource(pods, signal), found]);
  return { means, source, target };
}

function source(plan: Plan) {
  return { containerIds: [onlyContainer(plan).id] };
}

async function probe(
  pods: HelperPods,
  { plan, signal }: EngineContext,
  volumes: readonly PodVolume[],
): Promise<Probed> {
  const { id, name: moved } = onlyContainer(plan);
  const all = [...volumes.map(({ name, mountPath }) => ({ name, mountPath })), SHARED_MEMORY];
  const args = { containers: [{ id, volumes: all }] };
  const [{ node, containers }, targetNode] = await Promise.all([
    pods.call('source', 'probe', args, { signal }),
    pods.has('target') ? pods.call('target', 'probe-node', {}, { signal }) : undefined,
  ]);
  const [container] = containers;
  if (!container) throw new Error('there is an answer for each container');
  const findings = containerFindings(plan, moved, container).filter(({ code }) => code !== 'W203');
  const compared = targetNode ? compareProcessors(plan, node, targetNode) : [];
  return {
    commandLines: { [moved]: container.process.args },
    addresses: container.addresses,
    memoryBytes: container.memoryBytes,
    processes: container.processes.length,
    started: startedAs(container),
    findings: [
      ...findings,
      ...kubeletFindings(plan, container),
      ...compared,
      ...configurationFindings(plan, targetNode),
    ],
  };
}

function startedAs({ process: { uid, gid, groups }, mounts }: ContainerFacts): Started {
  return {
    ...{ uid, gid, groups },
    mounts: mounts.map(({ mountPoint, fsType, root, options, sharing }) => ({
      mountPoint,
      fsType,
      root,
      options,
      sharing,
    })),
  };
}

/** Cut off, checkpointed, stopped: from the first of these on nothing that anybody was told of can be lost. */
async function freeze(pods: HelperPods, carrier: Carrier, { plan, signal }: EngineContext): Promise<Frozen> {
  const askedAt = Date.now();
  const timed = stopwatch();
  const thawAfterMs = plan.deadlines.maxFreeze;
  const { connections } = await pods.call('source', 'fence', { ...source(plan), thawAfterMs }, { signal });
  const fenceMs = timed();
  const archive = await carrier.checkpoint(plan, signal);
  const checkpointMs = timed();
  const { bytes } = await pods.call('source', 'halt', { ...source(plan), archive }, { signal });
  return { archive, bytes, askedAt, connections, timings: { fenceMs, checkpointMs, haltMs: timed() } };
}

/** Milliseconds since it was last asked. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const before = last;
    last = performance.now();
    return last - before;
  };
}

/** The target runs as soon as it is restored: from here on the source goes on only when it is asked to. */
async function restore(keeper: SourceHelper, context: EngineContext, startPod: StartPod): Promise<Restored> {
  const { plan, results, signal } = context;
  const { image } = carriedSchema.parse(need(results, 'transfer'));
  await keeper.seal(signal, context.warn);
  const started = performance.now();
  try {
    return { target: await startPod(image), totalMs: performance.now() - started };
  } catch (error) {
    if (!isMigrateError(error) || failureCode(error) !== 'F343') throw error;
    throw new MigrateError('F346', {
      detail: error.detail,
      remedy: `look at the runtime’s log and at CRIU’s (restore.log in the container’s bundle) on node ${plan.target.node}, choose another with --to-node, or use --engine helper`,
      cause: error,
    });
  }
}

/**
 * The runtime reports the image that the checkpoint was taken of as the container's; of one that it had only started
 * afresh it would report the checkpoint. Its processes are the runtime's affair: CRIU restores all of them or none.
 */
async function verify(options: KubeletEngineOptions, { plan, signal }: EngineContext): Promise<{ image: string }> {
  const { namespace, pod: name, context } = plan.target;
  const pod = await options.target.get<Pod>(RESOURCES.pod, name, { namespace, signal });
  const status = pod?.status?.containerStatuses?.find((each) => each.name === onlyContainer(plan).name);
  const digest = onlyContainer(plan).image.split('@')[1] ?? '';
  if (status?.state?.running && status.restartCount === 0 && status.imageID?.endsWith(digest))
    return { image: status.imageID };
  throw new MigrateError('F346', {
    detail: `the container of ${namespace}/${name} in ${context} is not the restored one: image ${status?.imageID}, restarted ${status?.restartCount} times`,
    remedy: 'look at the pod’s events, choose another node with --to-node, or use --engine helper',
  });
}
