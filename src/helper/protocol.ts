import './interpreted-schemas.ts';
import { z } from 'zod';
import { CAPABILITIES } from './capabilities.ts';
import { absolutePath, containerFactsSchema, nodeFactsSchema, volumeSchema } from './facts.ts';

export * from './envelope.ts';
export * from './facts.ts';

// The contract between the plugin and a helper pod; the only file of src/helper that the plugin imports, together with
// placeholder-spec.ts and pod-spec.ts.
//
// One exec of `join` (native/join.c) per helper pod carries NDJSON: requests to the helper, replies and events back.
// The pod's main process is `node /helper.cjs serve --deadline-ms N`. A lost stream is attached anew; a request sent
// again under its id returns the remembered reply, or waits for the act that is still under way.
//
// Bulk data has execs of its own: the plugin feeds stdout of the one on the source to stdin of the one on the target.
// They are opened before the freeze and stay open for any number of transfers, each framed and with its digest; the plugin carries bytes and looks at none of them.
// A channel ends by `close-channel`, and when a transfer on it or the freeze fails: open another one then. Both ends' replies carry bytes and sha256.

/** More containers than any pod has. */
export const MOST_CONTAINERS = 64;

const bytes = z.number().int().nonnegative();
const milliseconds = z.number().nonnegative();
const nothing = z.strictObject({});

/** The container id without the runtime's prefix (`containerd://`). */
const containerIdSchema = z.string().regex(/^[0-9a-f]{16,64}$/);
/** The containers of a pod that move together, always in the same order. */
const containerIdsSchema = z.array(containerIdSchema).min(1).max(MOST_CONTAINERS);
/** Other containers of the pod, which do not move. */
const siblingsSchema = z.array(containerIdSchema).max(MOST_CONTAINERS).optional();
/** Where a container sees persistent volumes, whose files are not copied. */
const mountPointsSchema = z.array(absolutePath).max(64);
/** The same with the volumes that are read through each, and with those that stay where they are. */
const containersSchema = z
  .array(
    z.strictObject({
      id: containerIdSchema,
      volumes: z.array(volumeSchema).max(64),
      inPlace: mountPointsSchema.optional(),
    }),
  )
  .min(1)
  .max(MOST_CONTAINERS);
/** Names a bulk stream; chosen by the plugin. */
export const channelSchema = z.string().regex(/^[a-z0-9-]{1,40}$/);

/** The name of a pod's log directory: NAMESPACE_NAME_UID (pkg/kubelet/kuberuntime, BuildPodLogsDirectory). */
export const podLogsSchema = z.string().regex(/^[a-z0-9-]{1,63}_[a-z0-9][a-z0-9.-]{0,252}_[A-Za-z0-9-]{1,64}$/);

/** An archive where kubelet puts it (pkg/kubelet/kubelet.go, CheckpointContainer). */
export const archiveSchema = absolutePath.regex(/\/checkpoints\/checkpoint-[A-Za-z0-9._:+-]+\.tar$/);
/** What `helper archive` says on stderr when it has written the whole archive to stdout. */
export const archiveSentSchema = z.strictObject({ bytes, sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** What one end counted of a transfer. Equal on both ends, or the transfer failed. */
const transferSchema = z.strictObject({ bytes, sha256: z.string().regex(/^[0-9a-f]{64}$/), milliseconds });

/** CRIU's own figures (stats-dump, stats-restore), in milliseconds. */
const criuTimesSchema = z.strictObject({
  /** What CRIU itself took. For a dump: freezing, frozen and writing; for a restore: forking and restoring. */
  totalMs: milliseconds,
  /** Wall clock around the CRIU process. */
  wallMs: milliseconds,
});

/**
 * What a restore has to know of a dumped container. Made by `freeze`, passed on unread by the plugin, checked by
 * `restore` against the placeholder: a mount that the placeholder has not is refused.
 */
const handoverSchema = z.strictObject({
  /** Mount points that CRIU expects from outside. */
  externalMounts: z.array(absolutePath).max(4096),
  /** What descriptors 0, 1 and 2 of the root pointed at, as /proc spells it. */
  stdio: z.tuple([z.string().max(4096), z.string().max(4096), z.string().max(4096)]),
  /** Mode of the root directory; CRIU compares it ("File . has bad mode"). */
  rootMode: z.number().int().min(0).max(0o7777),
  /** Its processes as they see themselves. */
  innerPids: z.array(z.number().int().positive()).min(1).max(65_536),
});

const handoversSchema = z.array(handoverSchema).min(1).max(MOST_CONTAINERS);

/** Placeholders of a move. */
const placesSchema = z.strictObject({
  containerIds: containerIdsSchema,
  /** The source pod's addresses (`probe`); they lie on the target's `lo` while connections refer to them. */
  sourceAddresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(8),
});

const SOURCE_STATES = ['idle', 'frozen', 'sealed', 'released', 'thawed'] as const;
const TARGET_STATES = ['idle', 'prepared', 'restored', 'continued', 'discarded'] as const;

const op = <A extends z.ZodType, R extends z.ZodType>(args: A, result: R) => ({ args, result });

/** Arguments and result of every operation. An operation is asynchronous and may be asked for while others run. */
export const helperOps = {
  /** Read-only. What this helper is doing and which state its container is in; for resume. */
  status: op(
    nothing,
    z.strictObject({
      version: z.literal(1),
      source: z.strictObject({
        state: z.enum(SOURCE_STATES),
        containerIds: z.array(z.string()),
        /** Until the helper thaws by itself; null when it will not. */
        thawInMs: milliseconds.nullable(),
      }),
      target: z.strictObject({ state: z.enum(TARGET_STATES), containerIds: z.array(z.string()) }),
      /** Whether the images of a dump are kept here. */
      images: z.boolean(),
      /** Bulk streams that are connected now. */
      channels: z.array(z.string()),
      deadlineInMs: milliseconds,
    }),
  ),
  /** Read-only. */
  'probe-node': op(nothing, nodeFactsSchema),
  /**
   * Read-only. Facts of the node and of containers on it, in their order. Things that cannot move are `obstacles`.
   * `inPlace`: what the target sees at the moment of the restore while the source still has it.
   */
  probe: op(
    z.strictObject({ containers: containersSchema }),
    z.strictObject({ node: nodeFactsSchema, containers: z.array(containerFactsSchema).min(1) }),
  ),
  /** Waits until the bulk stream of that name is connected, so that a freeze never waits for an exec. */
  'await-channel': op(
    z.strictObject({ channel: channelSchema, timeoutMs: z.number().int().min(1).max(600_000) }),
    nothing,
  ),
  /** No further transfer on that channel. Ask for it on both sides: each ends its own bulk program with 0. Idempotent. */
  'close-channel': op(z.strictObject({ channel: channelSchema }), nothing),
  /**
   * Read-only. Source: whether an address answers from the node's own network namespace (not the helper pod's): a
   * refused connection (RST) to a closed port counts as an answer, silence and ICMP unreachable do not. `detail` says
   * what happened.
   */
  reach: op(
    z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), timeoutMs: z.number().int().min(1).max(60_000) }),
    z.strictObject({ reachable: z.boolean(), detail: z.string().max(300) }),
  ),
  /** Source, running: sends the changed files and the volumes and remembers what it sent. May be repeated. */
  precopy: op(
    z.strictObject({ containers: containersSchema, channel: channelSchema }),
    z.strictObject({ transfer: transferSchema, files: z.number().int().nonnegative() }),
  ),
  /**
   * Source, running: copies the containers' private memory and sends it, so that `freeze` sends only what differs then.
   * Costs as much memory again on both nodes until the images are there. May be repeated.
   */
  'copy-memory': op(
    z.strictObject({ containerIds: containerIdsSchema, channel: channelSchema }),
    z.strictObject({ transfer: transferSchema }),
  ),
  /**
   * Target: takes the next transfer of a channel. `files` are applied to the placeholders through their own mount
   * namespaces, `memory` is kept for the images, and those until `restore`. Ask for it before the source sends.
   */
  receive: op(
    z.strictObject({
      channel: channelSchema,
      what: z.enum(['files', 'memory', 'images']),
      containerIds: containerIdsSchema,
    }),
    z.strictObject({ transfer: transferSchema, files: z.number().int().nonnegative() }),
  ),
  /**
   * Source: locks the pod's network, dumps one container after the other, leaves them stopped, and sends two transfers on `channel` as soon as
   * they are ready: first `images`, then `files` (what changed since the last precopy). What was written to volumes
   * `inPlace` is on their storage by the reply. `siblings` are stopped at the same moment and not dumped. On failure everything is undone and the containers run. From the reply on the helper thaws by itself after `thawAfterMs` unless sealed.
   */
  freeze: op(
    z.strictObject({
      containers: containersSchema,
      siblings: siblingsSchema,
      channel: channelSchema,
      thawAfterMs: z.number().int().min(100).max(86_400_000),
    }),
    z.strictObject({
      handovers: handoversSchema,
      images: transferSchema,
      /** Bytes of the images that were not sent, because they were as `copy-memory` had found them. */
      knownBytes: bytes,
      delta: transferSchema,
      deltaFiles: z.number().int().nonnegative(),
      criu: criuTimesSchema,
      /** Wall clock from the request on. */
      timings: z.strictObject({
        lockMs: milliseconds,
        dumpMs: milliseconds,
        imagesMs: milliseconds,
        deltaMs: milliseconds,
        totalMs: milliseconds,
      }),
    }),
  ),
  /**
   * Source, for a checkpoint that the runtime takes: nothing from outside reaches the pod any more, its connections are
   * reset, new ones refused; the tree goes on running. On failure that is undone. Thaws by itself as after `freeze`.
   */
  fence: op(
    z.strictObject({ containerIds: containerIdsSchema, thawAfterMs: z.number().int().min(100).max(86_400_000) }),
    z.strictObject({ connections: z.number().int().nonnegative() }),
  ),
  /**
   * Source, fenced: stops the trees, which the runtime left running, and tells how long the archive is that it wrote.
   * The archive's bytes come by an exec of their own (`helper archive`).
   */
  halt: op(z.strictObject({ containerIds: containerIdsSchema, archive: archiveSchema }), z.strictObject({ bytes })),
  /** Source: removes the archive from the node. Idempotent. */
  'remove-archive': op(z.strictObject({ archive: archiveSchema }), nothing),
  /**
   * Source, in the place of a helper that is gone: what that left stopped or locked counts as sealed from here on. Changes
   * nothing where everything runs, where the containers are gone, and for a helper that has a source already.
   */
  'take-up': op(z.strictObject({ containers: containersSchema, siblings: siblingsSchema }), nothing),
  /**
   * Source: network unlocked, tree continued, leftovers of the dump removed, kubelet may start containers of the pod again.
   * Idempotent. Refused once `released`.
   */
  thaw: op(z.strictObject({ containerIds: containerIdsSchema, podLogs: podLogsSchema }), nothing),
  /** Source, read-only: why `seal` could not keep kubelet from starting containers of the pod; '' when it could. */
  restarts: op(z.strictObject({ podLogs: podLogsSchema }), z.strictObject({ obstacle: z.string().max(1000) })),
  /**
   * Source: from the reply on the helper never thaws by itself. Fails with `already-thawed` when it came too late, and
   * with `container-not-found` when a container that was dumped is gone, so that the dump is of nothing that exists.
   * From then on kubelet can start no container of the pod anew, should one of them end; where that cannot be prevented,
   * `obstacle` says why, and the seal holds all the same.
   */
  seal: op(
    z.strictObject({ containerIds: containerIdsSchema, podLogs: podLogsSchema }),
    z.strictObject({ obstacle: z.string().max(1000) }),
  ),
  /**
   * Source, after the commit: connections with the outside are reset, new ones go on being refused, the tree stays
   * stopped. Idempotent. Returns how many connections were reset.
   */
  'release-connections': op(
    z.strictObject({ containerIds: containerIdsSchema }),
    z.strictObject({ connections: z.number().int().nonnegative() }),
  ),
  /**
   * Target, before the freeze: finds the waiting placeholders, checks and does all that can be done ahead. From here on
   * the network guard keeps the target silent. Idempotent; `discard` undoes it.
   */
  'prepare-restore': op(
    placesSchema.extend({
      /** By container, the mount points of volumes that move: files are written there and to the roots, and nowhere else. */
      volumes: z.array(mountPointsSchema).max(MOST_CONTAINERS),
    }),
    nothing,
  ),
  /**
   * Target: restores the received images into the placeholders and leaves the trees stopped. The network guard keeps it
   * silent until `continue`. Fails also when a process of the dump is not there or not stopped. On failure everything
   * is taken away again and the placeholders wait on. `standIns`: by container, where empty volumes stand for
   * persistent ones, in a rehearsal; the files that processes have open there are outlined first. `mayLose`: capabilities
   * that the processes go on without where the pod does not grant them; any other is refused.
   */
  restore: op(
    z.strictObject({
      containerIds: containerIdsSchema,
      handovers: handoversSchema,
      standIns: z.array(mountPointsSchema).max(MOST_CONTAINERS).optional(),
      mayLose: z.array(z.enum(CAPABILITIES)).max(CAPABILITIES.length).optional(),
    }),
    z.strictObject({
      /** How many are there, all of them stopped. */
      processes: z.number().int().positive(),
      criu: criuTimesSchema,
      /** The comparison of the images with what the pod allows. */
      guardMs: milliseconds,
      totalMs: milliseconds,
    }),
  ),
  /**
   * Target, after the commit, in the place of a helper that is gone: what that restored beside these placeholders counts as
   * restored from here on, or as continued where all of them were told. Changes nothing where a container is gone or has
   * less beside it than was dumped, and for a helper that has a target already.
   */
  'take-up-restored': op(placesSchema.extend({ handovers: handoversSchema }), nothing),
  /**
   * Target, after the commit: connections with the outside are reset, the guard goes away, the placeholders learn
   * whom they stand for, the trees run. The placeholders `afresh` start their original programs. Idempotent.
   */
  continue: op(
    z.strictObject({ containerIds: containerIdsSchema, afresh: siblingsSchema }),
    z.strictObject({ connections: z.number().int().nonnegative(), totalMs: milliseconds }),
  ),
  /**
   * Target, before it was continued: kills what was restored, removes guard, addresses and, unless they are to be
   * restored once more, images. Idempotent.
   */
  discard: op(z.strictObject({ containerIds: containerIdsSchema, keepImages: z.boolean().optional() }), nothing),
  /**
   * Target: brings the changed files and the volumes of containers of this node into the prepared placeholders, others of
   * the same images. May be repeated.
   */
  'carry-files': op(
    z.strictObject({ from: containersSchema, containerIds: containerIdsSchema }),
    z.strictObject({ transfer: transferSchema, files: z.number().int().nonnegative() }),
  ),
} as const;

/** Name of an operation. */
export type HelperOp = keyof typeof helperOps;
/** What the plugin passes to an operation. */
export type HelperArgs<O extends HelperOp> = z.infer<(typeof helperOps)[O]['args']>;
/** What an operation returns. */
export type HelperResult<O extends HelperOp> = z.infer<(typeof helperOps)[O]['result']>;
/** All operations as types, for a client `call<O extends HelperOp>(op: O, args: HelperArgs<O>): Promise<HelperResult<O>>`. */
export type HelperOps = { [O in HelperOp]: { args: HelperArgs<O>; result: HelperResult<O> } };

export type Transfer = z.infer<typeof transferSchema>;
export type Handover = z.infer<typeof handoverSchema>;
export type CriuTimes = z.infer<typeof criuTimesSchema>;
