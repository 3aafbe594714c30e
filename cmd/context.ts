import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Plan } from '../src/domain/plan.ts';
import { VERSION } from '../src/domain/version.ts';

import { createFileSink, journalFolder } from '../src/journal/file-sink.ts';
import { systemClock } from '../src/kube/clock.ts';
import type { Cluster } from '../src/kube/connect.ts';
import { createGateway } from '../src/kube/gateway.ts';
import type { Gateway } from '../src/kube/ports.ts';
import type { Reporter } from '../src/report/message.ts';
import { unlocking } from './audit-trail.ts';
import { connectSide } from './connection.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { registryFor } from './registry.ts';
import { beginSession, type Session, type Workplace } from './session.ts';
import type { Streams } from './streams.ts';

/** The program put together for one command: the only place that names concrete adapters. */
export interface Composition {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly reporter: Reporter;
  /**
   * Takes the lock and opens the journal of a plan. From here on the clusters are written to. `force`: also a lock that
   * another migration left. `operation`: what it is for, when it is not a move.
   */
  begin(plan: Plan, force: boolean, operation?: 'check'): Promise<Session>;
  /** A gateway that has the servers check what the plan declares, and keeps nothing of it. */
  dryRunGateway(plan: Plan): Gateway;
  /** Ends connections. Idempotent. */
  close(): void;
}

/** Connects both clusters. Sends nothing yet. Throws F302, or a refusal with E101. */
export function compose(options: ConnectionOptions & RegistryFlags, streams: Streams, reporter: Reporter): Composition {
  const source = connectSide('source', options, streams.env, reporter);
  const target = connectSide('target', options, streams.env, reporter);
  return {
    source,
    target,
    reporter,
    begin: (plan, force, operation) =>
      begin(plan, { source, target, reporter }, { ...options, force, operation }, streams),
    dryRunGateway: ({ effects }) =>
      createGateway({ source: source.api, target: target.api, effects, clock: systemClock, serverDryRun: true }),
    close: () => {
      source.close();
      target.close();
    },
  };
}

async function begin(
  plan: Plan,
  parts: Pick<Composition, 'source' | 'target' | 'reporter'>,
  options: RegistryFlags & { readonly force: boolean; readonly operation: 'check' | undefined },
  streams: Streams,
) {
  const user = await parts.source.reader.whoAmI();
  const place: Workplace = {
    ...parts,
    clock: systemClock,
    // Of what only looked there is no history.
    copies: options.operation === 'check' ? [] : [createFileSink(journalFolder(streams.env))],
    worker: { operation: options.operation ?? 'pod', user, host: hostname(), version: VERSION },
    newUuid: randomUUID,
    forceUnlock: options.force,
    registryFor: (archive) => registryFor(archive, options, streams.env),
    interrupt: streams.interrupt,
    insisted: streams.insisted,
  };
  return unlocking(plan, place, false, (forceUnlock) => beginSession(plan, { ...place, forceUnlock }));
}
