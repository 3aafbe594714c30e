import { asMigrateError } from '../domain/errors.ts';
import type { Finding } from '../domain/finding.ts';
import { COMMAND, SYSTEM_NAMESPACE } from '../domain/names.ts';
import type { EngineName } from '../domain/plan.ts';
import type { KubeObject, Node } from '../kube/objects.ts';
import type { Access, ClusterReader, ReadOptions } from '../kube/ports.ts';
import { POD_METRICS, RESOURCES } from '../kube/resources.ts';
import { accessKey, refusedAccess } from './checks/access.ts';

/** One thing that was looked at in a cluster, or on this machine. */
export interface Diagnosis {
  /** The context, or `here`. */
  readonly where: string;
  readonly check: string;
  readonly verdict: 'ok' | 'note' | 'problem';
  readonly what: string;
  /** What to do about it; absent for what is as it should be. */
  readonly remedy?: string;
}

export interface DiagnoseOptions extends ReadOptions {
  /** What a move needs there with each engine; the first is the one that is meant. */
  readonly engines: readonly EngineAccess[];
  readonly helperImage: string | undefined;
  /** `v1.37.0`, however it is asked for. */
  readonly version: () => Promise<string>;
}

export interface EngineAccess {
  readonly engine: EngineName;
  /**
   * What a move cannot do without, and what it wants as well. `makesNamespace`: it would make the namespace of the helper
   * pods.
   */
  readonly access: (makesNamespace: boolean) => {
    readonly needed: readonly Access[];
    readonly wanted: readonly Access[];
  };
}

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Looks at one cluster: reachable, nodes, permissions, the helpers' namespace and image, metrics. Never throws for what it finds. */
export async function diagnoseCluster(cluster: ClusterReader, options: DiagnoseOptions): Promise<Diagnosis[]> {
  const where = cluster.context;
  const found =
    (check: string) =>
    (verdict: Diagnosis['verdict'], what: string, remedy?: string): Diagnosis => ({
      where,
      check,
      verdict,
      what,
      ...(remedy !== undefined && { remedy }),
    });
  const guarded = async (check: string, act: (tell: ReturnType<typeof found>) => Promise<Diagnosis[]>) => {
    try {
      return await act(found(check));
    } catch (error) {
      const { detail, remedy, outcome } = asMigrateError(error);
      if (outcome === 'interrupted') throw error;
      return [found(check)('problem', detail, remedy)];
    }
  };
  const read = options.signal ? { signal: options.signal } : {};
  const reach = await guarded('API server', async (tell) => [
    tell('ok', `Kubernetes ${await options.version()} at ${cluster.server}`),
  ]);
  if (reach.some(({ verdict }) => verdict === 'problem')) return reach;
  const home = cluster.get(RESOURCES.namespace, SYSTEM_NAMESPACE, read);
  const rest = await Promise.all([
    guarded('nodes', async (tell) => nodes(await cluster.list<Node>(RESOURCES.node, read), options.helperImage, tell)),
    ...options.engines.map(({ engine, access }, at) =>
      guarded(`${engine} engine`, async (tell) => {
        const { needed, wanted } = access((await home) === undefined);
        const [refused, missed] = await Promise.all(
          [needed, without(wanted, needed)].map((asked) => refusedAccess(cluster, asked, read)),
        );
        const seen = { refused: refused ?? [], missed: missed ?? [], asked: wanted.length };
        return permissions(seen, { meant: at === 0, engine }, tell);
      }),
    ),
    guarded('helper namespace', async (tell) => [namespace(await home, cluster, tell)]),
    guarded('metrics', async (tell) => [
      await cluster.list(POD_METRICS, { ...read, namespace: SYSTEM_NAMESPACE }).then(
        () => tell('ok', 'served: forecasts know how much memory a pod uses'),
        () => tell('note', 'not served: forecasts rest on past moves', 'install metrics-server, if you want them'),
      ),
    ]),
  ]);
  return [...reach, ...rest.flat()];
}

type Tell = (verdict: Diagnosis['verdict'], what: string, remedy?: string) => Diagnosis;

function nodes(all: readonly Node[], image: string | undefined, tell: Tell): Diagnosis[] {
  const kinds = new Set(
    all.map(({ status }) => `${status?.nodeInfo?.architecture} ${status?.nodeInfo?.containerRuntimeVersion}`),
  );
  const unready = all.filter(
    ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True',
  );
  const found = [tell('ok', `${all.length}: ${[...kinds].join(', ')}`)];
  if (unready.length > 0)
    found.push(
      tell(
        'note',
        `not Ready: ${unready.map(({ metadata }) => metadata.name).join(', ')}`,
        'no pod can be moved from or to them',
      ),
    );
  if (image !== undefined) {
    const having = all.filter((node) => imagesOf(node).includes(image));
    const rest =
      having.length === all.length ? 'nothing has to be pulled' : 'the others pull it when it is needed first';
    found.push(tell('ok', `helper image is on ${having.length} of ${all.length}: ${rest}`));
  }
  return found;
}

function imagesOf({ status }: Node): string[] {
  const images = (status as { images?: { names?: string[] }[] } | undefined)?.images ?? [];
  return images.flatMap(({ names }) => names ?? []);
}

function without(all: readonly Access[], some: readonly Access[]): Access[] {
  const left = new Map(all.map((each) => [accessKey(each), each]));
  for (const each of some) left.delete(accessKey(each));
  return [...left.values()];
}

interface Permitted {
  /** Of all that the engine wants, needed or not. */
  readonly asked: number;
  readonly refused: readonly Finding[];
  /** Those that it can do without. */
  readonly missed: readonly Finding[];
}

interface Asked {
  readonly meant: boolean;
  readonly engine: EngineName;
}

/** What the engine that is meant lacks is told one by one; of another it is enough to know that it lacks something. */
function permissions({ asked, refused, missed }: Permitted, { meant, engine }: Asked, tell: Tell): Diagnosis[] {
  const roles = `${COMMAND} doctor --engine ${engine} --roles prints roles that allow it`;
  if (refused.length === 0 && missed.length === 0)
    return [tell('ok', `you have all ${asked} permissions that it needs`)];
  if (refused.length === 0)
    return [
      tell('note', `it does without ${missed.length} of ${asked} permissions: no helper looks at its nodes`, roles),
    ];
  if (!meant) return [tell('note', `you lack ${refused.length} of the ${asked} permissions that it needs`, roles)];
  return refused.map(({ what }) => tell('problem', what, roles));
}

function namespace(object: KubeObject | undefined, { context }: ClusterReader, tell: Tell): Diagnosis {
  if (object === undefined) return tell('ok', `${SYSTEM_NAMESPACE} is not there; a move makes it`);
  const level = object.metadata.labels?.[ENFORCE];
  if (level === undefined || level === 'privileged') return tell('ok', `${SYSTEM_NAMESPACE} takes privileged pods`);
  return tell(
    'problem',
    `${SYSTEM_NAMESPACE} forbids privileged pods (${level})`,
    `kubectl --context ${context} label namespace ${SYSTEM_NAMESPACE} ${ENFORCE}=privileged --overwrite`,
  );
}
