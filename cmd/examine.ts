import { stringify } from 'yaml';
import { isMigrateError, type Outcome } from '../src/domain/errors.ts';
import { ENGINES, type EngineName } from '../src/domain/plan.ts';
import { SIDES, type Side } from '../src/domain/refs.ts';
import { HELPER_SIDES } from '../src/engines/helper-sides.ts';
import type { Cluster } from '../src/kube/connect.ts';
import { serverVersion } from '../src/kube/server-version.ts';
import { type Diagnosis, diagnoseCluster } from '../src/planner/diagnose.ts';
import { accessOfMoves, type PermissionScope } from '../src/planner/permissions.ts';
import { minimalRoles } from '../src/planner/roles.ts';
import { STEPS } from '../src/steps/index.ts';
import { parseImage } from '../src/transfer/registry/reference.ts';
import { columns } from '../src/ui/table.ts';
import { connectSide } from './connection.ts';
import type { ConnectionOptions, PlaceOptions, TargetPlaceOptions } from './flags/clusters.ts';
import { structured } from './flags/output.ts';
import type { RegistryFlags } from './flags/registry.ts';
import { type Output, output } from './output.ts';
import { registryFor } from './registry.ts';
import type { Streams } from './streams.ts';

interface DoctorOptions
  extends ConnectionOptions,
    PlaceOptions,
    TargetPlaceOptions,
    Pick<RegistryFlags, 'registry-ca'> {
  readonly 'helper-image'?: string | undefined;
  readonly engine: EngineName;
  readonly roles: boolean;
  readonly 'roles-for'?: string | undefined;
  readonly output: 'table' | 'json' | 'yaml';
}

/** Looks at both clusters, or prints the roles that a move needs there. Reads only. */
export async function examine(options: DoctorOptions, streams: Streams): Promise<Outcome> {
  const out = output(structured(options.output), streams);
  const clusters = sidesOf(options).map((side) => connectSide(side, options, streams.env, out.reporter));
  try {
    if (options.roles) return await printRoles(clusters, options, streams);
    return await diagnose(clusters, options, { out, streams });
  } finally {
    for (const cluster of clusters) cluster.close();
  }
}

/** Without a target only the source is looked at, for moves from node to node. */
function sidesOf(options: DoctorOptions): readonly Side[] {
  return options['to-context'] === undefined && options['to-kubeconfig'] === undefined ? ['source'] : SIDES;
}

/** What is needed with an engine; `createNamespaceIn`: where the helpers' namespace is not there yet. */
function accessFor(
  clusters: readonly Cluster[],
  options: DoctorOptions,
  { engine, ...where }: { engine: EngineName } & Pick<PermissionScope, 'createNamespaceIn' | 'helperSides'>,
) {
  const namespace = options.namespace ?? clusters[0]?.namespace ?? 'default';
  const targetNamespace = options['to-namespace'] ?? namespace;
  const oneCluster = clusters.length === 1;
  return accessOfMoves({ namespace, targetNamespace, oneCluster, ...where }, STEPS, engine);
}

async function diagnose(
  clusters: readonly Cluster[],
  options: DoctorOptions,
  { out, streams }: { out: Output; streams: Streams },
) {
  // The one that is meant first.
  const engines = [options.engine, ...ENGINES.filter((engine) => engine !== options.engine)];
  const accessOf = (side: Side) => (engine: EngineName) => ({
    engine,
    access: (makesNamespace: boolean) => {
      const createNamespaceIn = makesNamespace ? [side] : [];
      const { needed, wanted } = HELPER_SIDES[engine];
      const accessOn = (helperSides: readonly Side[]) =>
        accessFor(clusters, options, { engine, createNamespaceIn, helperSides })[side];
      return { needed: accessOn(needed), wanted: accessOn(wanted) };
    },
  });
  const helperImage = options['helper-image'] || undefined;
  const signal = streams.interrupt;
  const found = await Promise.all([
    ...clusters.map(({ reader, api }) =>
      diagnoseCluster(reader, {
        engines: engines.map(accessOf(reader.side)),
        helperImage,
        signal,
        version: () => serverVersion(api, signal),
      }),
    ),
    diagnoseImage(helperImage, options, streams),
  ]);
  const all = found.flat();
  const well = all.every(({ verdict }) => verdict !== 'problem');
  out.result({ well, findings: all }, (width) => render(all, well, width));
  return well ? ('done' as const) : ('declined' as const);
}

/** The registry as this machine sees it; nodes may see it otherwise, which only a pull tells. */
async function diagnoseImage(
  image: string | undefined,
  options: DoctorOptions,
  streams: Streams,
): Promise<Diagnosis[]> {
  const here = { where: 'here', check: 'helper image' };
  if (image === undefined) {
    const remedy = 'name it with --helper-image, KUBECTL_MIGRATE_HELPER_IMAGE, or in the configuration file';
    return [{ ...here, verdict: 'problem', what: 'no helper image is named', remedy }];
  }
  const reference = parseImage(image);
  if (!reference) {
    const what = `${image} does not name a registry: HOST/REPOSITORY:TAG or @DIGEST`;
    return [{ ...here, verdict: 'problem', what, remedy: 'name it in full' }];
  }
  const registry = registryFor(reference, options, streams.env);
  try {
    const { digest } = await registry.manifest(reference.reference, streams.interrupt);
    return [{ ...here, verdict: 'ok', what: `${image} is ${digest}` }];
  } catch (error) {
    if (!isMigrateError(error)) throw error;
    return [
      {
        ...here,
        verdict: 'note',
        what: `not seen from this machine: ${error.detail}`,
        remedy: `it is the nodes that pull it; ${error.remedy}`,
      },
    ];
  } finally {
    registry.close();
  }
}

async function printRoles(clusters: readonly Cluster[], options: DoctorOptions, streams: Streams) {
  const { engine } = options;
  // The namespace is among what is applied.
  const access = accessFor(clusters, options, { engine, createNamespaceIn: [] });
  for (const { reader, context } of clusters) {
    const user = options['roles-for'] || (await reader.whoAmI({ signal: streams.interrupt })) || 'USER';
    const of = clusters.length === 1 ? 'within' : reader.side;
    const objects = minimalRoles(access[reader.side], { engine, of, user });
    streams.stdout.write(
      `# for ${context}: kubectl --context ${context} apply -f\n${objects.map((each) => stringify(each)).join('---\n')}---\n`,
    );
  }
  return 'done' as const;
}

function render(all: readonly Diagnosis[], well: boolean, width: number | undefined): string {
  const marks = { ok: '✓', note: '·', problem: '✗' };
  const table = columns(
    all.map(({ where, check, verdict, what }) => [marks[verdict], where, check, what]),
    ['', 'WHERE', 'CHECK', 'WHAT'],
    width,
  );
  const remedies = all.flatMap(({ where, check, remedy }) =>
    remedy === undefined ? [] : [`  ${where}, ${check}: ${remedy}\n`],
  );
  const todo = remedies.length === 0 ? '' : `What to do\n${[...new Set(remedies)].join('')}`;
  return `${table}${todo}${well ? 'Nothing stands in the way of a move.\n' : 'A move would fail.\n'}`;
}
