import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { type TarEntry, TarReader } from './tar-reader.ts';

/**
 * What containerd (internal/cri/server/container_checkpoint_linux.go) and CRI-O (internal/lib/checkpoint.go) put beside
 * each other in the archive of one container. Anything else was not written by them.
 */
const KNOWN = new Set([
  'checkpoint',
  'artifacts',
  'config.dump',
  'spec.dump',
  'status',
  'status.dump',
  'network.status',
  'stats-dump',
  'dump.log',
  'container.log',
  'rootfs-diff.tar',
  'deleted.files',
  'bind.mounts',
  'descriptors.json',
  'volumes',
  'devshm-checkpoint.tar',
  'io.kubernetes.cri-o.LogPath',
]);

const MAX_ENTRIES = 100_000;
/** Characters of all paths together: three times as many as that number of images would have. */
const MAX_PATHS = 8 * 1024 * 1024;
/** Documents and images are kept up to so many bytes each, and all of them together: an open file takes some 100. */
const MAX_KEPT = { each: 32 * 1024 * 1024, all: 64 * 1024 * 1024 };
/** Images of CRIU that say what the processes may do, in which namespaces and cgroups they are, what is mounted, open and connected. */
const IMAGE =
  /^checkpoint\/((?:apparmor|cgroup|core-\d+|ids-\d+|inventory|mountpoints-\d+|netns-(?:ct-|exp-)?\d+|files|pstree|seccomp)\.img)$/;
const NEEDED = ['config.dump', 'spec.dump'] as const;
/** Documents whose annotations a runtime has made the container's own. */
const ANNOTATED = ['spec.dump', 'status.dump'] as const;
const DOCUMENTS = ['config.dump', ...ANNOTATED] as const;

const configSchema = z.looseObject({
  rootfsImage: z.string().default(''),
  rootfsImageRef: z.string().default(''),
  rootfsImageName: z.string().default(''),
});
const annotatedSchema = z.looseObject({ annotations: z.record(z.string(), z.string()).nullish() });

export interface Expected {
  /** Length of the archive in bytes, as the node tells it. */
  readonly bytes: number;
  /** Digest of the image that the container runs: `sha256:...`. */
  readonly imageDigest: string;
  /** What that image is called without the digest, by the pod: what its author wrote, and a tag or an id of the runtime's. */
  readonly imageNames: readonly string[];
}

/** An image of CRIU that is in an archive. */
export interface KeptImage {
  /** Its file's name. */
  readonly name: string;
  readonly data: Buffer;
}

/**
 * Looks at the archive of one container while it passes. Runtimes have believed such archives over the pod's own request
 * (CVE-2026-53492, CVE-2026-53489, CVE-2026-50195, CVE-2024-8676): what they took from there is refused here, whatever
 * the target runs. Throws F347.
 */
export class CheckpointCheck {
  readonly #expected: Expected;
  readonly #tar: TarReader;
  /** By path. */
  readonly #kept = new Map<string, Buffer[]>();
  #keptBytes = 0;
  readonly #names = new Set<string>();

  constructor(expected: Expected) {
    this.#expected = expected;
    const bounds = { maxEntries: MAX_ENTRIES, maxPaths: MAX_PATHS, maxBytes: expected.bytes };
    this.#tar = new TarReader(bounds, (entry) => this.#entry(entry));
  }

  write(chunk: Buffer): void {
    this.#tar.write(chunk);
  }

  /** All bytes have come. */
  end(): void {
    this.#tar.end();
    for (const name of ['checkpoint', ...NEEDED]) if (!this.#names.has(name)) throw refused(`it has no ${name}`);
    this.#checkImage();
    for (const name of ANNOTATED) if (this.#kept.has(name)) this.#checkAnnotations(name);
  }

  /** What the archive, which has come, says of the processes: for whoever compares that with what they may do. */
  images(): KeptImage[] {
    return [...this.#kept].flatMap(([path, parts]) => {
      const name = IMAGE.exec(path)?.[1];
      return name === undefined ? [] : [{ name, data: Buffer.concat(parts) }];
    });
  }

  #entry({ path, kind, size }: TarEntry): ((chunk: Buffer) => void) | undefined {
    const [top = ''] = path.split('/');
    if (!KNOWN.has(top)) throw refused(`it holds ${JSON.stringify(path.slice(0, 100))}, which no runtime puts there`);
    this.#names.add(top);
    if (!(DOCUMENTS as readonly string[]).includes(path) && !IMAGE.test(path)) return undefined;
    this.#keptBytes += size;
    if (kind !== 'file' || size > MAX_KEPT.each || this.#keptBytes > MAX_KEPT.all)
      throw refused(`its ${path} has ${size} bytes`);
    const parts: Buffer[] = [];
    this.#kept.set(path, parts);
    return (chunk) => parts.push(Buffer.from(chunk));
  }

  #checkAnnotations(name: (typeof ANNOTATED)[number]): void {
    const { annotations } = this.#document(name, annotatedSchema);
    const device = Object.keys(annotations ?? {}).find((key) => key.startsWith('cdi.k8s.io/'));
    if (device !== undefined) throw refused(`it asks for devices (${device.slice(0, 100)}; CVE-2026-53492)`);
  }

  /**
   * On restore the runtime pulls the image that the archive refers to, and gives it the name that the archive has for it,
   * for whoever starts a container by that name later: each has to be the plan's.
   */
  #checkImage(): void {
    const { rootfsImage, rootfsImageRef, rootfsImageName } = this.#document('config.dump', configSchema);
    const { imageDigest, imageNames } = this.#expected;
    const isPlanned = (name: string) => name.endsWith(`@${imageDigest}`);
    const isKnown = (name: string) => name === '' || isPlanned(name) || imageNames.includes(name);
    const other = isPlanned(rootfsImageRef)
      ? [rootfsImageName, rootfsImage].find((name) => !isKnown(name))
      : rootfsImageRef;
    if (other !== undefined)
      throw refused(`it names another image than the plan (${other.slice(0, 200) || 'none'}; CVE-2026-50195)`);
  }

  #document<T>(name: (typeof DOCUMENTS)[number], schema: z.ZodType<T>): T {
    try {
      return schema.parse(JSON.parse(Buffer.concat(this.#kept.get(name) ?? []).toString('utf8')));
    } catch {
      throw refused(`its ${name} is not one of a runtime`);
    }
  }
}

/** An archive that must not be restored. Pure. */
export function refused(why: string): MigrateError {
  return new MigrateError('F347', {
    detail: `the archive of the checkpoint is refused: ${why}`,
    remedy: 'look at the source node: somebody may have changed the archive there',
  });
}
