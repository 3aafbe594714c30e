import { failureCode } from '../../domain/errors.ts';
import type { Finding } from '../../domain/finding.ts';
import type { PlannedCopy } from '../../domain/plan.ts';
import type { KubeObject, Pod } from '../../kube/objects.ts';
import { describeDifference, isNamed } from '../../kube/portable-object.ts';
import type { ClusterReader, ReadOptions } from '../../kube/ports.ts';
import {
  type Dependency,
  dependenciesOf,
  differingFields,
  digestOf,
  isBoundToken,
  isOfEachNamespace,
} from '../../workloads/dependencies.ts';
import type { Facts } from '../facts.ts';

export interface DependencyPlan {
  readonly findings: readonly Finding[];
  /** What the move makes or overwrites in the target, so that the pod has what it refers to. */
  readonly copies: readonly PlannedCopy[];
}

type Places = Pick<Facts, 'source' | 'target' | 'request' | 'owners'>;
type Judged = { readonly finding?: Finding; readonly copy?: PlannedCopy };

interface Pair {
  readonly dependency: Dependency;
  readonly here: KubeObject | undefined;
  readonly there: KubeObject | undefined;
  /** The source's object may not be read. */
  readonly hidden: boolean;
}

/** What belongs to one object of one cluster, within the metadata alone: keys of data may have the same names. */
const WITHOUT_PLACE = `sed -E '/^metadata:/,$ {/^  (namespace|resourceVersion|uid|creationTimestamp):/d}'`;

/** Every object that the pod refers to: there and alike, there and different, missing, or made by the move. */
export async function checkDependencies(pod: Pod, places: Places, options: ReadOptions): Promise<DependencyPlan> {
  const pairs = await Promise.all(dependenciesOf(pod).map((dependency) => readPair(dependency, places, options)));
  const judged = [...pairs.map((pair) => judge(pair, places)), ...unknownNames(pairs, places)];
  return {
    findings: judged.flatMap(({ finding }) => finding ?? []),
    copies: judged.flatMap(({ copy }) => copy ?? []),
  };
}

async function readPair(
  dependency: Dependency,
  { source, target, request }: Places,
  options: ReadOptions,
): Promise<Pair> {
  const { resource, name } = dependency;
  const [here, there] = await Promise.all([
    visible(source, dependency, { ...options, namespace: request.namespace }, request.copyDependencies),
    target.get(resource, name, { ...options, namespace: request.targetNamespace }),
  ]);
  return { dependency, here: here === 'hidden' ? undefined : here, there, hidden: here === 'hidden' };
}

/** Only a comparison needs the source's object when nothing is copied: whoever may not read it is told so. */
async function visible(source: ClusterReader, dependency: Dependency, place: { namespace: string }, needed: boolean) {
  try {
    return await source.get(dependency.resource, dependency.name, place);
  } catch (error) {
    if (!needed && failureCode(error) === 'F313') return 'hidden';
    throw error;
  }
}

function judge(pair: Pair, places: Places): Judged {
  const { dependency, here, there, hidden } = pair;
  const { copyDependencies } = places.request;
  if (there) return isOfEachNamespace(dependency) ? {} : compare(pair, places);
  if (dependency.optional && (!here || !copyDependencies)) return {};
  if (copyDependencies && here && !isBoundToken(here)) return { copy: planned(dependency, here, 'create') };
  return { finding: missing(dependency, places, here, hidden) };
}

function compare({ dependency, here, there, hidden }: Pair, places: Places): Judged {
  if (hidden) return { finding: notCompared(dependency, places) };
  if (!here || !there) return {};
  const found = differingFields(here, there);
  if (found.length === 0) return {};
  if (named(dependency, places.request.overwrite)) return { copy: planned(dependency, here, 'overwrite') };
  const { resource, name } = dependency;
  const lines = found.map(describeDifference);
  return {
    finding: {
      code: 'W209',
      severity: 'warning',
      what: `${resource.kind} ${places.request.targetNamespace}/${name} differs between ${places.source.context} and ${places.target.context}: ${lines.join('; ')}`,
      why: `the target pod mounts what is there (${dependency.usedBy}); its memory keeps what it had`,
      remedy: `nothing to do if that is meant; to have the source’s: --overwrite ${resource.kind.toLowerCase()}/${name}`,
    },
  };
}

function notCompared({ resource, name }: Dependency, { source }: Places): Finding {
  return {
    code: 'W209',
    severity: 'warning',
    what: `${resource.kind} ${name} is in the target; whether it is the same as in ${source.context} is not known`,
    why: `you may not read ${resource.plural} there`,
    remedy: 'compare the two yourself',
  };
}

function planned({ resource, name, usedBy }: Dependency, here: KubeObject, act: PlannedCopy['act']): PlannedCopy {
  return { apiVersion: resource.apiVersion, kind: resource.kind, name, usedBy, act, digest: digestOf(here) };
}

function named({ resource: { kind, apiVersion }, name }: Dependency, names: readonly string[]): boolean {
  return isNamed({ kind, apiVersion, metadata: { name } }, names);
}

/** A name after --overwrite that means nothing is a mistake, and not one to be found out afterwards. */
function unknownNames(pairs: readonly Pair[], { request, owners }: Places): Judged[] {
  const owner = owners.owners.at(-1);
  const unknown = request.overwrite.filter(
    (one) => !pairs.some(({ dependency }) => named(dependency, [one])) && !(owner && isNamed(owner, [one])),
  );
  return unknown.map((one) => ({
    finding: {
      code: 'E112',
      severity: 'error',
      what: `--overwrite ${one} names nothing that the pod refers to`,
      why: 'it would be left as it is',
      remedy: `name one of: ${pairs.map(({ dependency: { resource, name } }) => `${resource.kind.toLowerCase()}/${name}`).join(', ') || 'the pod refers to none'}`,
    },
  }));
}

function missing(dependency: Dependency, places: Places, here: KubeObject | undefined, hidden: boolean): Finding {
  const { resource, name, usedBy } = dependency;
  const { source, target, request } = places;
  const { namespace, targetNamespace, copyDependencies } = request;
  const kind = resource.kind.toLowerCase();
  const get = `kubectl --context ${source.context} -n ${namespace} get ${kind} ${name} -o yaml`;
  const create = `kubectl --context ${target.context} -n ${targetNamespace} create -f -`;
  const flag = copyDependencies || hidden ? '' : 'let the move copy it with --copy-dependencies, or ';
  const how =
    here && isBoundToken(here)
      ? 'it holds a token of the source cluster, which no other accepts: make one of the same name in the target'
      : here || hidden
        ? `${flag}create it there, for example: ${get} | ${WITHOUT_PLACE} | ${create}`
        : `it is missing in ${source.context} as well; create it in the target`;
  return {
    code: 'E110',
    severity: 'error',
    what: `${resource.kind} ${targetNamespace}/${name} is missing in ${target.context} (used by ${usedBy})`,
    why: 'the target pod could not start',
    remedy: how,
  };
}
