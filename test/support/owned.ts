import { type PodOptions, pod } from './manifests.ts';

export interface OwnedOptions extends Omit<PodOptions, 'node'> {
  readonly replicas?: number;
  /** Merged into the owner's spec. */
  readonly owner?: object;
}

/** A Deployment whose pods are those of `pod`. */
export function deployment(options: OwnedOptions): object {
  return owned('Deployment', options, {});
}

/** A StatefulSet whose pods are those of `pod`, with a headless Service of its name. */
export function statefulSet(options: OwnedOptions): object {
  return owned('StatefulSet', options, { serviceName: options.name });
}

/** The Service that gives each pod of a StatefulSet its name. */
export function headless(namespace: string, name: string, port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: 'None', selector: { app: name }, ports: [{ port, targetPort: port }] },
  };
}

function owned(kind: string, options: OwnedOptions, spec: object): object {
  const { metadata, spec: podSpec } = pod(options) as { metadata: { labels: object }; spec: object };
  const { namespace, name, replicas = 1 } = options;
  const { labels } = metadata;
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec },
      ...spec,
      ...options.owner,
    },
  };
}
