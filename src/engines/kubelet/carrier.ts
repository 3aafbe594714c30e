import { Transform } from 'node:stream';
import { CheckpointCheck } from '../../archive/checkpoint-archive.ts';
import { imageConfig, imageManifest } from '../../archive/checkpoint-image.ts';
import { failureCode, MigrateError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import { need } from '../../domain/need.ts';
import { onlyContainer, type Plan, type PlannedArchive } from '../../domain/plan.ts';
import { unlessAborted } from '../../domain/unless-aborted.ts';
import { archiveCommand } from '../../helper/pod-spec.ts';
import { archiveSentSchema } from '../../helper/protocol.ts';
import { isRefusal } from '../../kube/errors.ts';
import type { Pod } from '../../kube/objects.ts';
import type { ClusterReader, ExecStream, Gateway } from '../../kube/ports.ts';
import { RESOURCES } from '../../kube/resources.ts';
import type { Carried, EngineContext, Started } from '../engine.ts';
import type { HelperPods } from '../helper/helper-pods.ts';
import { grantedBy } from './granted.ts';
import { type CheckpointStore, type PushedImages, removeFrom } from './pushed-images.ts';

export interface CarrierOptions {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly pods: HelperPods;
  readonly registry: CheckpointStore;
  readonly images: PushedImages;
}

/** Most often that a transfer tells how far it is, in ms. */
const REPORT_MS = 200;

/** The plan's place for the archive. Its absence is a defect: this engine's plans have one. */
export function archiveOf({ archive }: Plan): PlannedArchive {
  if (!archive) throw new Error('the plan names no archive');
  return archive;
}

/** The archive's way: from the runtime to the source's disk, through this process to the registry, and away again. */
export class Carrier {
  readonly #options: CarrierOptions;
  /** The archive on the source's node that kubelet was asked for: its path, once it is there; undefined when it never will be. */
  #asked: Promise<string | undefined> | undefined;
  /** Whether this process is the one that makes the archive, and knows what it has made of it. */
  #own = false;
  #imageNames: readonly string[] | undefined;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /** From here on nobody but this process makes an archive. */
  begin(): void {
    this.#own = true;
  }

  /**
   * Has kubelet take the checkpoint; yields where on the node it lies. Throws F345, and the signal's reason at once: kubelet
   * goes on all the same, and `remove` waits for it.
   */
  async checkpoint(plan: Plan, signal: AbortSignal): Promise<string> {
    const { node, namespace, pod } = plan.source;
    const container = onlyContainer(plan).name;
    const request = { node, namespace, pod, container, timeoutMs: plan.deadlines.maxFreeze, signal };
    const archive = this.#options.gateway.checkpoint('source', request);
    this.#asked = archive.catch((error: unknown) => {
      if (isNever(error, signal)) return undefined;
      throw error;
    });
    // Told by whoever removes it.
    this.#asked.catch(() => undefined);
    return await unlessAborted(signal, archive);
  }

  /** Makes an image of the archive. Throws F347 for an archive that must not be restored, F342, F380 to F385. */
  async carry({ plan, results, signal, copied }: EngineContext, archive: string, bytes: number): Promise<Carried> {
    const { registry, images, pods } = this.#options;
    const { host, repository, tag, architecture } = archiveOf(plan);
    const imageDigest = onlyContainer(plan).image.split('@')[1] ?? '';
    const { guardArchive } = await import('./archive-guard.ts');
    const imageNames = await this.#namesOf(plan, signal);
    const started = startedIn(results);
    const stream = await pods.exec('source', archiveCommand(archive));
    try {
      const check = new CheckpointCheck({ bytes, imageDigest, imageNames });
      const look = {
        take: (chunk: Buffer) => check.write(chunk),
        end: () => {
          check.end();
          guardArchive(check.images(), grantedBy(plan, started), started.mounts);
        },
      };
      const data = stream.stdout.pipe(looking(look, bytes, copied, () => stream.stdin.end()));
      // The protocol before v5 breaks off with stdin, which is ended when all is here.
      stream.stdout.on('error', (error) => (stream.stdin.writableEnded ? data.end() : data.destroy(error)));
      const layer = await registry.upload(data, bytes, signal);
      await sameAsSent(stream, layer);
      const config = imageConfig(architecture, layer);
      const named = await registry.upload(config, config.length, signal);
      const manifest = imageManifest(named, layer, onlyContainer(plan).name);
      return { bytes, image: `${host}/${repository}@${await images.make(tag, manifest, signal)}` };
    } finally {
      stream.close();
    }
  }

  /** Gets ready what {@link carry} compares by, which takes long the first time. Idempotent. */
  async rehearse({ plan, results, signal }: EngineContext): Promise<void> {
    await this.#namesOf(plan, signal);
    const { rehearseArchiveGuard } = await import('./archive-guard.ts');
    rehearseArchiveGuard(grantedBy(plan, startedIn(results)));
  }

  /** What the source pod calls its container's image: its author, and the runtime. Asked for once. */
  async #namesOf(plan: Plan, signal: AbortSignal): Promise<readonly string[]> {
    if (this.#imageNames) return this.#imageNames;
    const { namespace, pod: name } = plan.source;
    const pod = await this.#options.source.get<Pod>(RESOURCES.pod, name, { namespace, signal });
    const said = [...(pod?.spec.containers ?? []), ...(pod?.status?.containerStatuses ?? [])];
    const { name: moved } = onlyContainer(plan);
    this.#imageNames = said.flatMap(({ name: container, image }) =>
      container === moved && image !== undefined ? [image] : [],
    );
    return this.#imageNames;
  }

  /** Says what a process that died may have left on the node, when it was too early for the record to have its name. */
  warnOfUnnamed({ plan, results, warn }: EngineContext): void {
    if (!this.#own && results.freeze === undefined) warn(unnamed(plan));
  }

  /** Removes the archive from the node and from the registry, and says what stays. Idempotent. */
  async remove(context: EngineContext): Promise<void> {
    const { plan, results, signal, warn } = context;
    const archive = text(results.freeze?.['archive']) ?? (await this.#taken(context));
    if (archive !== undefined && this.#options.pods.has('source')) {
      await this.#options.pods.call('source', 'remove-archive', { archive }, { signal });
    } else if (archive !== undefined) {
      warn(`the checkpoint is still on node ${plan.source.node}, with all of the process’s memory: ${archive}`);
    }
    this.#asked = undefined;
    await this.#removeImages(context);
  }

  /** The archive that this process has asked for, waited for where kubelet is still at it. */
  async #taken({ plan, signal, waiting, warn }: EngineContext): Promise<string | undefined> {
    if (!this.#asked) return undefined;
    try {
      const there = await Promise.race([this.#asked, null]);
      if (there !== null) return there;
      waiting(`kubelet of node ${plan.source.node} is still taking the checkpoint`);
      return await unlessAborted(signal, this.#asked);
    } catch {
      signal.throwIfAborted();
      warn(unnamed(plan));
      return undefined;
    }
  }

  async #removeImages({ plan, results, signal, warn }: EngineContext): Promise<void> {
    const { registry, images } = this.#options;
    const { host, repository, tag } = archiveOf(plan);
    const known = text(results.transfer?.['image'])?.split('@')[1];
    // Whoever made it may have died before it was on record; then its tag leads to it.
    const made = this.#own ? images.tags : known === undefined ? [tag, trialTag(plan)] : [tag];
    for (const each of made) {
      const kept = await (this.#own ? images.remove(each, signal) : removeFrom(registry, known ?? each, signal));
      if (!kept) continue;
      const what = each === tag ? 'the checkpoint' : 'an empty image';
      const word = kept.reference.includes(':') ? 'stays' : 'may stay';
      warn(`${what} ${word} in ${host}/${repository}:${each} (${kept.reference}): ${kept.why}`);
    }
  }
}

/** Whether kubelet was not asked for a checkpoint before that signal came, or has refused it. */
function isNever(error: unknown, signal: AbortSignal): boolean {
  return (signal.aborted && error === signal.reason) || isRefusal(error) || failureCode(error) === 'F345';
}

/** What may be on the source's node without anybody knowing its name. Pure. */
function unnamed(plan: Plan): string {
  const { node, namespace, pod } = plan.source;
  const name = `checkpoint-${pod}_${namespace}-${onlyContainer(plan).name}-*.tar`;
  return `kubelet may have left a checkpoint on node ${node}, with all of the process’s memory: ${name} in its folder checkpoints`;
}

function startedIn(results: EngineContext['results']): Started {
  const { started } = need(results, 'probe');
  if (!started) throw new Error('the probe tells how the container was started');
  return started;
}

/** The image of nothing that the registry is tried with. Pure. */
export function trialTag(plan: Plan): string {
  return `${archiveOf(plan).tag}-trial`;
}

/**
 * Passes an archive on and looks at it; `onWhole` is called when all of it has come. Ends with the check's own error, or
 * with that of an archive that is too short.
 */
function looking(
  look: { readonly take: (chunk: Buffer) => void; readonly end: () => void },
  bytes: number,
  copied: EngineContext['copied'],
  onWhole: () => void,
): Transform {
  const started = performance.now();
  let passed = 0;
  let told = started;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        look.take(chunk);
      } catch (error) {
        done(error as Error);
        return;
      }
      passed += chunk.length;
      if (passed >= bytes) onWhole();
      const now = performance.now();
      if (now - told > REPORT_MS) {
        told = now;
        copied(passed, (passed * 1000) / (now - started));
      }
      done(null, chunk);
    },
    flush(done) {
      try {
        if (passed !== bytes) throw cutOff(`${passed} of ${bytes} bytes came from the node`);
        look.end();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** What the helper says it wrote is what the registry has. */
async function sameAsSent(stream: ExecStream, layer: { digest: string; size: number }): Promise<void> {
  // The protocol before v5 ends the connection with stdin, and the exit status does not come.
  const status = await stream.exit.catch((error: unknown) => error);
  const told = stream.stderr().trim();
  const sent = archiveSentSchema.safeParse(parseJson(told));
  if (sent.success && sent.data.bytes === layer.size && `sha256:${sent.data.sha256}` === layer.digest) return;
  if (typeof status !== 'number') throw status;
  if (status !== 0) throw cutOff(`the helper could not read it: ${told.slice(-500)}`);
  throw cutOff(`the registry has ${layer.digest}, the node sent ${told.slice(-200)}`);
}

function cutOff(why: string): MigrateError {
  return new MigrateError('F342', {
    detail: `the checkpoint did not arrive whole: ${why}`,
    remedy: 'try again; should it happen twice, look at the source node and at the connection to its API server',
  });
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
