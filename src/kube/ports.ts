import type { Readable, Writable } from 'node:stream';
import type { MigrateError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import type { ObjectRef, Side } from '../domain/refs.ts';
import type { CheckpointRequest } from './checkpoint.ts';
import type { KubeObject } from './objects.ts';

/** A kind that can be read or written: what its REST path is made of. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  /** Lower-case plural as in the REST path. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** One question to SelfSubjectAccessReview. */
export interface Access {
  readonly verb: string;
  /** API group, '' for core. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** One object of that kind; all of them when absent. */
  readonly name?: string;
  readonly namespace?: string;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends ReadOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface WaitOptions {
  /** What is waited for, for messages: `placeholder shop/cart-0 to run`. */
  readonly name: string;
  /** How long at most, in ms. */
  readonly deadlineMs: number;
  /** The flag that changes the deadline, for the error. */
  readonly flag: string;
  readonly signal?: AbortSignal;
  /** Called when the answer to "why not yet" changes. */
  readonly onProgress?: (why: string) => void;
}

/** What a wait has seen: satisfied, or why not yet. Throwing ends the wait with that error. */
export type Verdict = { readonly done: true } | { readonly done: false; readonly why: string };

/**
 * Read access to one cluster. All methods throw MigrateError F310 to F317; `get` yields undefined for a missing object.
 * Retries idempotent calls on connection loss and 429/5xx within the request timeout.
 */
export interface ClusterReader {
  readonly side: Side;
  /** The kubeconfig context's name. */
  readonly context: string;
  /** URL of the API server. */
  readonly server: string;
  get<T extends KubeObject>(resource: Resource, name: string, options?: ListOptions): Promise<T | undefined>;
  list<T extends KubeObject>(resource: Resource, options?: ListOptions): Promise<T[]>;
  /** The same page by page, for whoever shows a list before it is whole. Throws F315 when the server forgot the list midway. */
  pages<T extends KubeObject>(resource: Resource, options?: ListOptions): AsyncIterable<T[]>;
  /** Yields those of the questions that the API server answers with no. */
  refused(questions: readonly Access[], options?: ReadOptions): Promise<Access[]>;
  /**
   * Watches one object until `check` is satisfied (undefined: the object does not exist) and yields it as it was then.
   * Re-lists and re-watches on expiry; throws F320 naming the flag and the last reason when the deadline passes.
   */
  waitFor<T extends KubeObject>(
    resource: Resource,
    ref: { namespace?: string; name: string },
    check: (object: T | undefined) => Verdict,
    options: WaitOptions,
  ): Promise<T | undefined>;
  /**
   * What the API server would make of a new object, admission included; nothing is stored (`dryRun=All`). Throws F316 with
   * its words when it would not take it.
   */
  wouldCreate<T extends KubeObject>(resource: Resource, object: T, options?: ReadOptions): Promise<T>;
  /** The user as the API server sees it (SelfSubjectReview), or '' where it does not tell. */
  whoAmI(options?: ReadOptions): Promise<string>;
}

export type PatchType = 'merge' | 'json' | 'strategic' | 'apply';

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * A running command in a container. Both directions have real back-pressure: a slow reader of `stdout` stops the
 * sender, and `stdin` does not accept more than the connection takes.
 */
export interface ExecStream {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** The end of what the command wrote to stderr, at most 16 KiB. */
  stderr(): string;
  /** Exit status of the command. Rejects with F331 when the connection is lost before there was one. */
  readonly exit: Promise<number>;
  /** Ends the connection; idempotent. The command sees its stdin closed. */
  close(): void;
}

/** Which object is meant, where its name alone does not say. */
export interface Deletion extends ReadOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
}

/**
 * A write that may have been carried out, or may be yet: nobody knows. A deletion is none, and one whose object is deleted by
 * its uid, or found as it is deleted by its name, is none any more.
 */
export interface Unanswered {
  readonly object: ObjectRef;
  /** F311, saying so. */
  readonly error: MigrateError;
}

/**
 * The only writer to a pair of clusters. Takes acts that the plan declared; anything else throws F399.
 * Methods are single API calls: not retried after the request may have reached the server, except where said. A signal ends
 * all but a checkpoint at once; what had been sent by then may still be carried out.
 */
export interface Gateway {
  /**
   * Returns when every write to an object that was sent has been answered, or given up: some seconds after its signal, or
   * when it timed out. What is looked for from then on is there, or never comes, but for what it yields. Commands and
   * checkpoints are not waited for.
   */
  landed(): Promise<readonly Unanswered[]>;
  /** Throws F318 when such an object exists. */
  create<T extends KubeObject>(side: Side, resource: Resource, object: T, options?: ReadOptions): Promise<T>;
  /**
   * Server-side apply with this program's field manager: makes the object where it is missing. Throws F315 when another
   * manager owns a field that would change; with `force` that field becomes ours.
   */
  apply<T extends KubeObject>(
    side: Side,
    resource: Resource,
    object: T,
    options?: ReadOptions & { readonly force?: boolean },
  ): Promise<T>;
  /** A `resourceVersion` in the body makes it conditional: F315 when somebody else wrote in between. */
  patch<T extends KubeObject>(
    ref: ObjectRef & { readonly resource: Resource },
    type: PatchType,
    body: Json,
    options?: ReadOptions,
  ): Promise<T>;
  /**
   * Idempotent: a missing object, or one with another uid than the given, counts as deleted. Throws F315 when somebody wrote
   * to it since the given version.
   */
  delete(ref: ObjectRef & { readonly resource: Resource }, options?: Deletion): Promise<void>;
  exec(side: Side, request: ExecRequest): Promise<ExecStream>;
  /**
   * Asks a node's kubelet for a checkpoint; yields the archive's path on that node. Throws F345. Not idempotent. Kubelet makes
   * what it was asked for in any case: the signal ends this only until then.
   */
  checkpoint(side: Side, request: CheckpointRequest): Promise<string>;
}
