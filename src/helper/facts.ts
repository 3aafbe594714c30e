import './interpreted-schemas.ts';
import { z } from 'zod';

const bytes = z.number().int().nonnegative();
const pid = z.number().int().min(1).max(4_194_304);
/** An absolute path without control characters and without `..`. */
export const absolutePath = z
  .string()
  .max(4096)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it rejects
  .regex(/^\/[^\u0000-\u001f\u007f]*$/)
  .refine((path) => !path.split('/').includes('..'), 'must not contain ..');

/** What two nodes are compared by, and whether CRIU works there. */
export const nodeFactsSchema = z.strictObject({
  /** As Node names it: `x64`, `arm64`. */
  architecture: z.string(),
  kernel: z.string(),
  cpuModel: z.string(),
  /** Flags of the first CPU in /proc/cpuinfo; the target must have all of the source's (CRIU #2824). */
  cpuFlags: z.array(z.string()),
  cgroupVersion: z.union([z.literal(1), z.literal(2)]),
  memoryAvailableBytes: bytes,
  /** Free space where the images are kept (a tmpfs: it also counts as memory). */
  imagesFreeBytes: bytes,
  /** Whether its container runtime is configured to restore checkpoints; absent where that cannot be told. */
  restoresCheckpoints: z.boolean().exactOptional(),
  criu: z.strictObject({
    version: z.string(),
    usable: z.boolean(),
    /** What `criu check` complained about; empty when usable. */
    problems: z.array(z.string()),
  }),
});

/** Every reason why a container cannot be moved as it is, as far as the node shows it. */
export const OBSTACLE_CODES = [
  'io-uring',
  'huge-pages',
  'terminal',
  'pod-address-socket',
  'socket-kind',
  'file-kind',
  'file-watch',
  'volume-file',
  'shared-file',
  'own-pid-namespace',
  'user-namespace',
  'root-not-overlay',
  'traced',
] as const;

/** Something that cannot move; the plan declines with it by name. */
const obstacleSchema = z.strictObject({ code: z.enum(OBSTACLE_CODES), detail: z.string() });

/** One mount of the container, as its own mount namespace shows it. */
const mountSchema = z.strictObject({
  mountPoint: z.string(),
  fsType: z.string(),
  source: z.string(),
  root: z.string(),
  options: z.array(z.string()),
  sharing: z.array(z.string()),
});

/** How a socket fares in a move. */
const SOCKET_KINDS = ['listening', 'inside', 'outside', 'pod-address', 'unconnected'] as const;

/**
 * A TCP or UDP socket of the container. `listening`: comes along. `inside`: both ends in the pod, survives.
 * `outside`: reset at the commit. `pod-address`: bound to the pod's own address, cannot move.
 */
const socketSchema = z.strictObject({
  protocol: z.enum(['tcp', 'udp', 'mptcp']),
  kind: z.enum(SOCKET_KINDS),
  local: z.string(),
  remote: z.string(),
});

/** One process of the container's tree. */
const processSchema = z.strictObject({
  pid,
  /** Its pid as it sees itself. */
  innerPid: pid,
  name: z.string(),
  threads: z.number().int().positive(),
  /** Resident anonymous and shared memory: about what its image will take. */
  memoryBytes: bytes,
});

/** How much a directory tree holds: what a copy would carry. */
const treeSizeSchema = z.strictObject({ bytes, files: z.number().int().nonnegative() });

/** A volume of the pod whose content moves with it. */
export const volumeSchema = z.strictObject({
  /** The volume's name in the pod's spec. */
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/),
  mountPath: absolutePath,
});

/** How the container was started, from the runtime's own record of it (not from /proc: programs rewrite that). */
const processSpecSchema = z.strictObject({
  args: z.array(z.string()).min(1),
  /** Names only: values may be secrets and stay on the node. */
  envNames: z.array(z.string()),
  cwd: z.string(),
  uid: z.number().int().nonnegative(),
  gid: z.number().int().nonnegative(),
  /** All of its groups but that one, as far as the runtime gave it any. */
  groups: z.array(z.number().int().nonnegative()),
  terminal: z.boolean(),
});

/** Everything that the node knows about the container that is to be moved. */
export const containerFactsSchema = z.strictObject({
  containerId: z.string(),
  /** In the node's PID namespace. */
  rootPid: pid,
  /** True when the container was itself restored by a former move. */
  restored: z.boolean(),
  process: processSpecSchema,
  hostName: z.string(),
  /** The pod's own addresses first (loopback excluded), then those of former moves that sockets may be bound to. */
  addresses: z.array(z.string()),
  mounts: z.array(mountSchema),
  processes: z.array(processSchema),
  memoryBytes: bytes,
  sockets: z.array(socketSchema),
  /** The container's changed files. */
  changedFiles: treeSizeSchema,
  volumes: z.array(z.strictObject({ name: z.string(), size: treeSizeSchema })),
  obstacles: z.array(obstacleSchema),
});

export type NodeFacts = z.infer<typeof nodeFactsSchema>;
export type ContainerFacts = z.infer<typeof containerFactsSchema>;
export type Obstacle = z.infer<typeof obstacleSchema>;
export type ContainerSocket = z.infer<typeof socketSchema>;
export type ContainerProcess = z.infer<typeof processSchema>;
export type ProcessSpec = z.infer<typeof processSpecSchema>;
export type MovedVolume = z.infer<typeof volumeSchema>;
