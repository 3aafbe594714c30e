import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { linkSchema } from '../src/audit/chain.ts';
import { createAuditChain } from '../src/audit/config-map-chain.ts';
import { faultsIn, type ReadChain } from '../src/audit/verdict.ts';
import { MigrateError, type Outcome } from '../src/domain/errors.ts';
import { COMMAND } from '../src/domain/names.ts';
import { columns } from '../src/ui/table.ts';
import { connectSide } from './connection.ts';
import type { ConnectionOptions } from './flags/clusters.ts';
import { output } from './output.ts';
import type { Streams } from './streams.ts';

export interface AuditOptions extends Partial<ConnectionOptions> {
  readonly output?: 'json' | 'yaml' | undefined;
  readonly filename?: string | undefined;
}

/** Prints the audit records of the clusters that flags name; as JSON or YAML they can be kept and verified elsewhere. */
export async function listAudit(options: AuditOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const chains = await readChains(options, streams);
  const rows = chains.flatMap(({ links, place }) =>
    links.map(({ seq, entry }) => {
      const { at, action, event, migration, source, target, outcome = '', code = '' } = entry;
      const who = source.user || target.user;
      const ended = [outcome, code].filter(Boolean).join(' ');
      return [place.split(':')[0] ?? '', String(seq), at, who, action, event, migration, source.pod, ended];
    }),
  );
  out.result({ schema: 'kubectl-migrate/audit-v1', chains }, (width) =>
    columns(rows, ['CLUSTER', 'NO', 'AT', 'WHO', 'WHAT', '', 'ID', 'POD', 'OUTCOME'], width),
  );
  return 'done';
}

/** Says whether somebody has removed, changed or reordered entries. Throws F352 naming each place where it shows. */
export async function verifyAudit(options: AuditOptions, streams: Streams): Promise<Outcome> {
  const out = output(options.output, streams);
  const chains = options.filename === undefined ? await readChains(options, streams) : readExport(options.filename);
  const faults = faultsIn(chains);
  if (faults.length > 0) {
    throw new MigrateError('F352', {
      detail: faults.map(({ place, what }) => `${place}: ${what}`).join('\n'),
      remedy: 'compare with an export that was kept elsewhere; who may change ConfigMaps there could have done it',
    });
  }
  const counted = chains.map(({ place, links }) => ({ place, entries: links.length }));
  out.result({ intact: true, chains: counted }, () =>
    counted.map(({ place, entries }) => `${place}: ${entries} entries, all as they were written\n`).join(''),
  );
  return 'done';
}

/** The source's cluster, and the target's where one is named. */
async function readChains(options: AuditOptions, streams: Streams): Promise<ReadChain[]> {
  const sides = options['to-context'] === undefined ? (['source'] as const) : (['source', 'target'] as const);
  return Promise.all(
    sides.map(async (side) => {
      const { reader, close } = connectSide(side, options as ConnectionOptions, streams.env);
      try {
        const chain = createAuditChain({ reader });
        return { ...(await chain.read({ signal: streams.interrupt })), place: chain.place, server: reader.server };
      } finally {
        close();
      }
    }),
  );
}

const exportSchema = z.strictObject({
  schema: z.literal('kubectl-migrate/audit-v1'),
  chains: z.array(
    z.strictObject({
      links: z.array(linkSchema),
      unreadable: z.array(z.string()),
      place: z.string(),
      server: z.string(),
    }),
  ),
});

function readExport(file: string): ReadChain[] {
  try {
    return exportSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).chains;
  } catch (cause) {
    throw new MigrateError('F301', {
      detail: `${file} is not what "audit list -o json" prints: ${cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)}`,
      remedy: `name a file that was made with: ${COMMAND} audit list -o json`,
      outcome: 'usage',
      cause,
    });
  }
}
