import type { Clock } from '../domain/clock.ts';
import type { Plan } from '../domain/plan.ts';
import type { ClusterReader, Gateway } from '../kube/ports.ts';
import type { ReachOptions } from './if-reachable.ts';
import type { Worker } from './lease.ts';

export interface LockOptions extends ReachOptions {
  readonly plan: Plan;
  readonly source: ClusterReader;
  readonly target: ClusterReader;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly worker: Worker;
  /** Names this process among all that ever hold a lock. */
  readonly process: string;
  /** `--force-unlock`: another migration's lock is taken as well, if nobody is at work on that. */
  readonly force: boolean;
  /** Asked with another migration's id right before its lock is taken; what it throws keeps that from being taken. */
  readonly mayForce?: (migration: string) => Promise<void>;
  /** The migration was begun before: a lock of it that is gone, or another one's, has lapsed, and the Lease says so. */
  readonly takingUp?: boolean;
  readonly signal: AbortSignal;
  readonly onWait?: (why: string) => void;
}
