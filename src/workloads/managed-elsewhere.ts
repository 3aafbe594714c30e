import { z } from 'zod';
import type { Finding } from '../domain/finding.ts';
import type { OwnerObject } from '../kube/owner-objects.ts';

/** A tool that describes owners somewhere else, and how it is seen on the object. */
interface Manager {
  readonly tool: string;
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  /** Field managers, by the beginning of their names. */
  readonly fieldManagers: readonly string[];
  /** It compares all the time and puts back what differs; otherwise it writes when somebody runs it. */
  readonly reconciles: boolean;
  readonly advice: string;
  /** A mark on the object by which the tool leaves it alone. */
  readonly released?: readonly [annotation: string, value: string];
}

/**
 * Labels, annotations and field managers as the tools' documentation names them: Argo CD "Resource Tracking", Flux
 * "kustomize-controller" and "helm-controller", Helm "Labels and Annotations".
 */
const MANAGERS: readonly Manager[] = [
  {
    tool: 'Argo CD',
    labels: ['argocd.argoproj.io/instance'],
    annotations: ['argocd.argoproj.io/tracking-id'],
    fieldManagers: ['argocd'],
    reconciles: true,
    advice: 'switch automated sync of its Application off, move, and bring the new number of replicas into its source',
  },
  {
    tool: 'Flux',
    labels: ['kustomize.toolkit.fluxcd.io/name', 'helm.toolkit.fluxcd.io/name'],
    annotations: [],
    fieldManagers: ['kustomize-controller', 'helm-controller'],
    reconciles: true,
    advice: 'flux suspend its Kustomization or HelmRelease, move, and bring the new number of replicas into its source',
    released: ['kustomize.toolkit.fluxcd.io/reconcile', 'disabled'],
  },
  {
    tool: 'Helm',
    labels: [],
    annotations: ['meta.helm.sh/release-name'],
    fieldManagers: ['helm'],
    reconciles: false,
    advice: 'bring the new number of replicas into the values of its release before the next upgrade',
  },
];

/** Field managers of people at a terminal and of Kubernetes itself. */
const OF_PEOPLE = /^(kubectl|kube-|kubectl-migrate|curl|Go-http-client|unknown|node-fetch|Mozilla|dashboard|k9s|lens)/;

const entrySchema = z.looseObject({
  manager: z.string(),
  subresource: z.string().optional(),
  fieldsV1: z.looseObject({ 'f:spec': z.looseObject({}).optional() }).optional(),
});

/**
 * E125 where somebody puts the number of replicas back by itself, W208 where somebody will at the next occasion.
 * `accepted`: the user says that it has been told to leave the owner alone. Pure.
 */
export function managedElsewhere(owner: OwnerObject, context: string, accepted: boolean): Finding[] {
  const known = MANAGERS.filter((manager) => describes(manager, owner));
  const findings = known.map((manager): Finding => {
    const stops = manager.reconciles && keepsReplicas(manager, owner) && !isReleased(manager, owner) && !accepted;
    return {
      code: stops ? 'E125' : 'W208',
      severity: stops ? 'error' : 'warning',
      what: `${manager.tool} manages ${owner.kind.toLowerCase()} ${owner.metadata.name} of ${context}`,
      why: stops
        ? 'it would put the number of replicas back, and the source would make another pod'
        : 'it may put the number of replicas back when it writes the object the next time',
      remedy: stops ? `${manager.advice}; then move with --ignore-managers` : manager.advice,
      field: 'metadata',
    };
  });
  return findings.length > 0 ? findings : otherManagers(owner, context);
}

function describes({ labels, annotations, fieldManagers }: Manager, owner: OwnerObject): boolean {
  const { metadata } = owner;
  return (
    labels.some((key) => metadata.labels?.[key] !== undefined) ||
    annotations.some((key) => metadata.annotations?.[key] !== undefined) ||
    writers(owner).some(({ manager }) => fieldManagers.some((name) => manager.startsWith(name)))
  );
}

/** A manager that is seen writing the object and does not set the number of replicas leaves it to others. */
function keepsReplicas({ fieldManagers }: Manager, owner: OwnerObject): boolean {
  const own = writers(owner).filter(({ manager }) => fieldManagers.some((name) => manager.startsWith(name)));
  return own.length === 0 || own.some(({ replicas }) => replicas);
}

function isReleased({ released }: Manager, { metadata }: OwnerObject): boolean {
  return released !== undefined && metadata.annotations?.[released[0]] === released[1];
}

function otherManagers(owner: OwnerObject, context: string): Finding[] {
  const others = writers(owner).filter(({ manager, replicas }) => replicas && !OF_PEOPLE.test(manager));
  return others.map(({ manager }) => ({
    code: 'W208',
    severity: 'warning',
    what: `the number of replicas of ${owner.kind.toLowerCase()} ${owner.metadata.name} of ${context} was set by ${manager}`,
    why: 'if that is a controller, it may put it back, and the source would make another pod',
    remedy: `see that ${manager} lets it be, or tell it the new number`,
    field: 'metadata.managedFields',
  }));
}

/** Who has written the object itself, and whether the number of replicas is theirs. */
function writers({ metadata }: OwnerObject): { manager: string; replicas: boolean }[] {
  const entries = z.array(entrySchema).safeParse(metadata['managedFields'] ?? []);
  if (!entries.success) return [];
  return entries.data
    .filter(({ subresource }) => subresource !== 'status')
    .map(({ manager, fieldsV1 }) => ({ manager, replicas: 'f:replicas' in (fieldsV1?.['f:spec'] ?? {}) }));
}
