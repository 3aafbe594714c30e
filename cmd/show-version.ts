import { arch, platform } from 'node:os';
import { isMigrateError, type Outcome } from '../src/domain/errors.ts';
import { VERSION } from '../src/domain/version.ts';
import { serverVersion } from '../src/kube/server-version.ts';
import type { Reporter } from '../src/report/message.ts';
import { connectSide } from './connection.ts';
import type { ConnectionFlags } from './flags/clusters.ts';
import { structured } from './flags/output.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

interface VersionOptions extends ConnectionFlags {
  readonly client: boolean;
  readonly output: 'table' | 'json' | 'yaml';
}

/** Prints the version of this program and, unless told not to, asks the source cluster for its own. */
export async function showVersion(options: VersionOptions, streams: Streams): Promise<Outcome> {
  const out = output(structured(options.output), streams);
  const client = { version: VERSION, platform: `${platform()}/${arch()}` };
  const server = options.client ? undefined : await ofServer(options, streams, out.reporter);
  const lines = [`kubectl-migrate ${client.version} (${client.platform})`, ...(server ? [server.line] : [])];
  out.result(
    { client, ...(server && { server: { context: server.context, version: server.version } }) },
    () => `${lines.join('\n')}\n`,
  );
  return 'done';
}

/** The cluster need not be there for this program to have a version. */
async function ofServer(options: ConnectionFlags, streams: Streams, reporter: Reporter) {
  try {
    const cluster = connectSide('source', options, streams.env, reporter);
    try {
      const version = await serverVersion(cluster.api, streams.interrupt);
      return { context: cluster.context, version, line: `${cluster.context}: Kubernetes ${version}` };
    } finally {
      cluster.close();
    }
  } catch (error) {
    if (!isMigrateError(error) || error.outcome === 'interrupted') throw error;
    const context = options.context ?? 'the current context';
    return { context, version: null, line: `${context}: ${error.findings[0]?.what ?? error.detail}` };
  }
}
