import type { Lab } from '../lab/index.ts';

export interface PodOptions {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly node?: string;
  readonly port?: number;
  /** Merged into the container. */
  readonly container?: object;
  /** Merged into the pod's spec. */
  readonly spec?: object;
}

/** A pod with one container and the label `app: NAME`, Ready when its port answers. */
export function pod(options: PodOptions): object {
  const { namespace, name, image, node, port } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      ...(node !== undefined && { nodeName: node }),
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image,
          ...(port !== undefined && {
            ports: [{ name: 'main', containerPort: port }],
            readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
          }),
          ...options.container,
        },
      ],
      ...options.spec,
    },
  };
}

/**
 * Node.js 22 makes an io_uring for every event loop wherever the kernel lets it (libuv 1.51, linux.c), and a process with
 * one cannot be dumped. The runtime's default seccomp profile does not let it.
 */
export const WITHOUT_IO_URING = { container: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } } };

/** A Service that selects `app: APP`, by default of its own name. */
export function service(namespace: string, name: string, port: number, app = name): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app }, ports: [{ port, targetPort: port }] },
  };
}

/** The reference of a scenario image; throws when the lab has none of that name. */
export function imageOf(lab: Lab, name: string): string {
  const image = lab.images[name];
  if (image === undefined) throw new Error(`the lab has no image ${name}: ${Object.keys(lab.images).join(', ')}`);
  return image;
}
