import { imageConfig, imageManifest } from '../../archive/checkpoint-image.ts';
import { onlyContainer } from '../../domain/plan.ts';
import type { Pod } from '../../kube/objects.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { EngineContext } from '../engine.ts';
import { archiveOf, type CarrierOptions, trialTag } from './carrier.ts';
import { pulled, pullPod, pullPodRef } from './pull-pod.ts';

type Options = Pick<CarrierOptions, 'target' | 'gateway' | 'registry' | 'images'>;

/** An empty tar archive: two blocks of zeros. */
const EMPTY_LAYER = Buffer.alloc(1024);

/**
 * Has the target node pull what the restore will need, and tries the registry with an image of nothing: what would fail
 * with the source frozen fails here. Throws F380 to F385, F387.
 */
export async function preparePulls(options: Options, context: EngineContext): Promise<void> {
  const { images: pushed, gateway, target } = options;
  const { plan, signal, waiting, warn } = context;
  const { host, repository } = archiveOf(plan);
  const digest = await pushTrial(options, context);
  try {
    const images = [onlyContainer(plan).image, `${host}/${repository}@${digest}`];
    await gateway.create('target', RESOURCES.pod, pullPod(plan, images), { signal });
    const { namespace, name } = pullPodRef(plan);
    await target.waitFor<Pod>(RESOURCES.pod, { namespace, name }, (pod) => pulled(plan, pod), {
      name: `images on node ${plan.target.node} of ${plan.target.context}`,
      deadlineMs: plan.deadlines.placeholderTimeout,
      flag: '--placeholder-timeout',
      signal,
      onProgress: waiting,
    });
    await removePullPod(options, context);
  } finally {
    const kept = await pushed.remove(trialTag(plan), signal);
    if (kept) warn(`${host}/${repository} will keep the checkpoint: ${kept.why}`);
  }
}

async function pushTrial({ registry, images }: Options, { plan, signal }: EngineContext): Promise<string> {
  const { architecture } = archiveOf(plan);
  const layer = await registry.upload(EMPTY_LAYER, EMPTY_LAYER.length, signal);
  const config = imageConfig(architecture, layer);
  const manifest = imageManifest(await registry.upload(config, config.length, signal), layer);
  return images.make(trialTag(plan), manifest, signal);
}

/** Removes the pod that pulls, wherever it has got to. Idempotent. */
export async function removePullPod({ gateway }: Options, { plan, signal }: EngineContext): Promise<void> {
  await gateway.delete(pullPodRef(plan), { signal, gracePeriodSeconds: 0 });
}
