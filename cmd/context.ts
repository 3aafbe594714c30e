import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Json } from '../src/domain/json.ts';
import type { Plan } from '../src/domain/plan.ts';
import { VERSION } from '../src/domain/version.ts';
import { createHelperEngine } from '../src/engines/helper/helper-engine.ts';
import { ensureNamespace, removeEmptyNamespaces } from '../src/engines/helper/system-namespace.ts';
import { createConfigMapSink, journalRef } from '../src/journal/config-map-sink.ts';
import { createFileSink, journalFolder } from '../src/journal/file-sink.ts';
import { createJournalStore } from '../src/journal/journal-store.ts';
import { systemClock } from '../src/kube/clock.ts';
import { type Cluster, connectCluster } from '../src/kube/connect.ts';
import { createGateway } from '../src/kube/gateway.ts';
import { type Kubeconfig, loadKubeconfig } from '../src/kube/kubeconfig.ts';
import { RESOURCES } from '../src/kube/resources.ts';
import type { Reporter } from '../src/report/message.ts';
import type { RunOptions } from '../src/runner/context.ts';
import { parseDuration } from './flags/duration.ts';
import type { Streams } from './streams.ts';

export interface ConnectionOptions {
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly 'to-context'?: string | undefined;
  readonly 'to-kubeconfig'?: string | undefined;
  readonly 'request-timeout': string;
}

/** The program put together for one command: the only place that names concrete adapters. */
export interface Composition {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly reporter: Reporter;
  /** Opens the journal of a plan and yields what the runner needs. From here on the clusters are written to. */
  begin(plan: Plan): Promise<Omit<RunOptions, 'steps' | 'interrupt'>>;
  /** Ends connections. Idempotent. */
  close(): void;
}

/** Connects both clusters. Sends nothing yet. Throws F302, or a refusal with E101. */
export function compose(options: ConnectionOptions, streams: Streams, reporter: Reporter): Composition {
  const requestTimeoutMs = parseDuration(options['request-timeout']) ?? 10_000;
  const load = (file: string | undefined): Kubeconfig => loadKubeconfig({ file, env: streams.env });
  const kubeconfig = load(options.kubeconfig);
  const targetConfig = options['to-kubeconfig'] === undefined ? kubeconfig : load(options['to-kubeconfig']);
  const source = connectCluster({ kubeconfig, context: options.context, side: 'source', requestTimeoutMs });
  const target = connectCluster({
    kubeconfig: targetConfig,
    context: options['to-context'],
    side: 'target',
    requestTimeoutMs,
  });
  return {
    source,
    target,
    reporter,
    begin: (plan) => begin(plan, source, target, reporter, streams),
    close: () => {
      source.close();
      target.close();
    },
  };
}

async function begin(plan: Plan, source: Cluster, target: Cluster, reporter: Reporter, streams: Streams) {
  const gateway = createGateway({ source: source.api, target: target.api, effects: plan.effects, clock: systemClock });
  const readers = { source: source.reader, target: target.reader };
  const store = createJournalStore({
    authority: createConfigMapSink({ reader: source.reader, gateway }),
    copies: [createFileSink(journalFolder(streams.env))],
    clock: systemClock,
    newUuid: randomUUID,
    onStaleCopy: (place, error) =>
      reporter.notify({ code: 'W421', text: `the copy of the journal in ${place} is behind: ${String(error)}` }),
  });
  const start = {
    id: plan.id,
    plan: plan as unknown as Json,
    user: await source.reader.whoAmI(),
    host: hostname(),
    version: VERSION,
  };
  await ensureNamespace(gateway, plan, 'source', streams.interrupt);
  const journal = await store.open(start).catch(async (error: unknown) => {
    // Nothing has begun; what was made for the record goes again, as far as the clusters let it.
    const signal = new AbortController().signal;
    await removeEmptyNamespaces({ plan, ...readers, gateway, signal }, ['source']).catch(() => undefined);
    throw error;
  });
  const context = { plan, ...readers, gateway, reporter, engine: createHelperEngine({ plan, ...readers, gateway }) };
  const forget = async (signal: AbortSignal): Promise<void> => {
    await gateway.delete({ ...journalRef('source', plan.id), resource: RESOURCES.configMap }, { signal });
    await removeEmptyNamespaces({ ...context, signal }, ['source', 'target']);
  };
  return { context, journal, forget };
}
