import type { Finding } from '../domain/finding.ts';
import type { Json } from '../domain/json.ts';
import type { EngineName, Plan, PodVolume } from '../domain/plan.ts';
import type { Side } from '../domain/refs.ts';

/** A mount of a container. */
export interface StartedMount {
  readonly mountPoint: string;
  readonly fsType: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  /** Of this mount alone, as mountinfo has them: `ro`, `nosuid`. */
  readonly options: readonly string[];
  /** With whom it shares that something is mounted in it, as mountinfo has it: `shared:1`, `master:2`. */
  readonly sharing: readonly string[];
}

/** How a container was started, as its node tells. */
export interface Started {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly mounts: readonly StartedMount[];
}

/** What an engine sees of the containers before the freeze. */
export interface Probed {
  /** The command lines as the runtime started them, by container; they may hold values of Secrets. */
  readonly commandLines: Readonly<Record<string, readonly string[]>>;
  /** Addresses that its sockets may be bound to: the pod's own first, then those of former moves. */
  readonly addresses: readonly string[];
  readonly memoryBytes: number;
  readonly processes: number;
  /** Whether both nodes have room for a copy of the memory beside its image. */
  readonly roomForCopy?: boolean;
  /** For an engine that compares with it what comes of the container. */
  readonly started?: Started;
  readonly findings: readonly Finding[];
}

/** The target pod, running. */
export interface TargetPod {
  readonly uid: string;
  /** Ids of the containers that stand for those of `plan.source.containers`, in their order. */
  readonly containerIds: readonly string[];
  /** Ids of those that start afresh at the commit, in the order of `plan.source.afresh`. */
  readonly afreshIds?: readonly string[];
  readonly addresses: readonly string[];
}

/** What the freeze yields, with what the engine itself will want to know of it later. */
export interface Frozen {
  readonly bytes: number;
  /** Milliseconds since the epoch, when the freeze was asked for. */
  readonly askedAt: number;
  readonly [own: string]: Json | undefined;
}

/** What came of the restore, for people and measurements. */
export interface Restored {
  /** The target pod, where the restore itself has made it. */
  readonly target?: TargetPod;
  readonly [own: string]: Json | TargetPod | undefined;
}

/** Results of earlier steps that an engine looks at. */
export interface EngineResults {
  readonly probe?: {
    readonly volumes: readonly PodVolume[];
    readonly addresses: readonly string[];
    readonly roomForCopy?: boolean;
    readonly started?: Started;
  };
  /** Empty where the engine makes no pod ahead of the restore. */
  readonly placeholder?: Partial<TargetPod>;
  readonly freeze?: Frozen;
  readonly transfer?: Carried;
  readonly restore?: Restored;
  readonly place?: LaterPod;
}

/** What was carried to where the target finds it. */
export interface Carried {
  readonly bytes: number;
  readonly [own: string]: Json | undefined;
}

/**
 * Creates the planned target pod, waits until its containers run and its address answers where it has to. `image`
 * takes the place of the planned one of its only container.
 */
export type StartPod = (image?: string) => Promise<TargetPod>;

/** How much of something is there. `partial` also where that cannot be told: then it has to be looked at as if it were. */
export type Presence = 'done' | 'absent' | 'partial';

/** What the clusters say about a move, whatever the journal believes. */
export interface EngineView {
  /** What the engine made to work with, such as helper pods. */
  readonly means: Presence;
  /**
   * The source’s processes: `frozen` go on by themselves in time, `sealed` only when told to, `released` never again;
   * `thawed` were frozen and go on, as their helper knows.
   */
  readonly source: 'running' | 'frozen' | 'thawed' | 'sealed' | 'released' | 'unknown';
  /** The target’s: not there yet, rebuilt and stopped, or running. */
  readonly target: 'waiting' | 'restored' | 'running' | 'unknown';
}

/** A target pod that was made after the commit, and on which side's node. */
export interface LaterPod extends TargetPod {
  readonly side: Side;
  readonly node: string;
}

/** What an engine is told in every step. */
export interface EngineContext {
  readonly plan: Plan;
  readonly results: EngineResults;
  /** Aborted when the act should stop. */
  readonly signal: AbortSignal;
  /** Says what is waited for and why it is not there yet. */
  readonly waiting: (why: string) => void;
  /** Says what the user should know of, and what is no reason to stop. */
  readonly warn: (text: string) => void;
  /** Says how much has been copied. */
  readonly copied: (bytes: number, bytesPerSecond: number) => void;
}

/**
 * Who takes the processes of a pod's containers on one node and rebuilds them on another. The list of steps is the same for every
 * engine; these are the parts of them that differ. One instance serves one migration; `context.results` is what the
 * journal has, so that another instance can go on where this one stopped.
 * All methods throw MigrateError; they stop when the context's signal is aborted.
 */
export interface Engine {
  readonly name: EngineName;
  /**
   * Whether the target runs as soon as it is restored. Then its start is on record before it happens, and the way back
   * ends it before the source goes on.
   */
  readonly runsOnRestore: boolean;
  /** Absent where an image is restored once only: then no name can be freed for the target. */
  readonly rehearsing?: Rehearsing;
  /** Makes what the engine works with, and returns when it can be asked. */
  start(context: EngineContext): Promise<void>;
  /** Takes up what another process started, as far as it is still there. Throws nothing for what is not. */
  attach(context: EngineContext): Promise<void>;
  /** Looks at what is there, after `start` or `attach`. Changes nothing; what cannot be asked is `unknown`. */
  look(context: EngineContext): Promise<EngineView>;
  /** Takes that away again and waits until it is gone. Idempotent; a source that has to go on does so first. */
  remove(context: EngineContext): Promise<void>;
  /** Ends streams of this process; what runs in the clusters stays. Idempotent. */
  close(): void;
  /** Looks at the container and the nodes. Changes nothing. */
  probe(context: EngineContext, volumes: readonly PodVolume[]): Promise<Probed>;
  /** Whether an address of the target answers on the source's node. Changes nothing. */
  reach(context: EngineContext, address: string): Promise<{ readonly reachable: boolean; readonly detail: string }>;
  /**
   * Does in the target what can be done ahead of the freeze. Calls `startPod` where the restore needs a pod that waits
   * for it, and yields that.
   */
  prepareTarget(context: EngineContext, startPod: StartPod): Promise<Partial<TargetPod>>;
  /** Lets go of a placeholder that is about to be removed. Idempotent. */
  discard(context: EngineContext, containerIds: readonly string[]): Promise<void>;
  /** Copies while the source serves, so that less is left for the freeze. */
  copyAhead(context: EngineContext): Promise<{ readonly bytes: number; readonly files: number }>;
  /** Takes the process image; afterwards the source does not run. On failure the source runs as before. */
  freeze(context: EngineContext): Promise<Frozen>;
  /**
   * Lets the source run again, whatever part of the freeze was done. `frozen`: the record says that the freeze was begun,
   * so that means which are gone are made anew for it. Idempotent.
   */
  thaw(context: EngineContext, frozen: boolean): Promise<void>;
  /** Returns when the image is complete in the target and has been compared with what was sent. */
  transfer(context: EngineContext): Promise<Carried>;
  /** Rebuilds the processes; where `prepareTarget` has made no pod, calls `startPod`. */
  restore(context: EngineContext, startPod: StartPod): Promise<Restored>;
  /** Throws when what was restored is not what was taken; yields what that was seen by. */
  verify(context: EngineContext): Promise<Readonly<Record<string, Json>>>;
  /**
   * Right before the commit: from here on nothing but `thaw` makes the source run again, and kubelet starts no container
   * of its pod anew; where that cannot be prevented, the user is warned.
   */
  seal(context: EngineContext): Promise<void>;
  /** After the commit: the target runs, and connections to the source end. Idempotent. */
  handOver(context: EngineContext): Promise<void>;
  /** After the hand-over, when nobody waits any more: ends what was only needed for the transfer. Idempotent. */
  endTransfer(context: EngineContext): Promise<void>;
}

/**
 * For a target pod that can only be made when the source pod is deleted: what was restored up to the commit was a
 * rehearsal, and the same image is restored once more. All are idempotent.
 */
export interface Rehearsing {
  /** Sees to it that both nodes can be asked, whatever has become of who was there. Yields where the image still is. */
  attend(context: EngineContext): Promise<Readonly<Record<Side, boolean>>>;
  /** Connections to the source end, before its pod is deleted. */
  cutOff(context: EngineContext): Promise<void>;
  /** Ends what was restored on that side's node and does not run yet; the image and the files stay. */
  clear(context: EngineContext, side: Side): Promise<void>;
  /** Whether what was restored on that side's node has been let go on. Changes nothing. */
  goesOn(context: EngineContext, side: Side): Promise<boolean>;
  /**
   * Restores in waiting containers on the target's node or, the images being there too, on the source's, and leaves them
   * stopped.
   */
  restoreAgain(
    context: EngineContext,
    place: { readonly side: Side; readonly containerIds: readonly string[] },
  ): Promise<void>;
}
