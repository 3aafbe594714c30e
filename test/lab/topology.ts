/** Names and addresses of the lab: two clusters of two nodes each, on one bridge. */
export const clusterNames = ['east', 'west'] as const;
export type ClusterName = (typeof clusterNames)[number];
export const nodeNames = ['east-1', 'east-2', 'west-1', 'west-2'] as const;
export type NodeName = (typeof nodeNames)[number];

export interface ClusterPlace {
  readonly name: ClusterName;
  readonly controlPlane: NodeName;
  readonly apiServer: string;
  readonly serviceRange: string;
  readonly firstServiceAddress: string;
  readonly dnsAddress: string;
  readonly podRange: string;
}

export interface NodePlace {
  readonly name: NodeName;
  readonly cluster: ClusterName;
  readonly address: string;
  readonly podRange: string;
  /** Name of the end of the node's link that stays on the host. */
  readonly link: string;
}

export const bridge = { name: 'kmlab0', address: '10.98.0.1', prefix: 24 } as const;
export const registryPort = 5443;
export const registryAddress = `${bridge.address}:${registryPort}`;

export const clusters: Readonly<Record<ClusterName, ClusterPlace>> = {
  east: cluster('east', 'east-1', '10.98.0.11', '10.32', '10.31'),
  west: cluster('west', 'west-1', '10.98.0.21', '10.42', '10.41'),
};

export const nodes: Readonly<Record<NodeName, NodePlace>> = {
  'east-1': node('east-1', 'east', '10.98.0.11', '10.31.1.0/24'),
  'east-2': node('east-2', 'east', '10.98.0.12', '10.31.2.0/24'),
  'west-1': node('west-1', 'west', '10.98.0.21', '10.41.1.0/24'),
  'west-2': node('west-2', 'west', '10.98.0.22', '10.41.2.0/24'),
};

/** Every IPv4 range that the lab uses; none of them may be in use by anything else on the machine. */
export const ranges: readonly string[] = [
  `${bridge.address.replace(/\.\d+$/, '.0')}/${bridge.prefix}`,
  ...clusterNames.flatMap((name) => [clusters[name].podRange, clusters[name].serviceRange]),
];

/** Whether a word names one of the lab's nodes. */
export function isNodeName(word: string): word is NodeName {
  return (nodeNames as readonly string[]).includes(word);
}

function cluster(
  name: ClusterName,
  controlPlane: NodeName,
  address: string,
  services: string,
  pods: string,
): ClusterPlace {
  return {
    name,
    controlPlane,
    apiServer: `https://${address}:6443`,
    serviceRange: `${services}.0.0/16`,
    firstServiceAddress: `${services}.0.1`,
    dnsAddress: `${services}.0.10`,
    podRange: `${pods}.0.0/16`,
  };
}

function node(name: NodeName, clusterName: ClusterName, address: string, podRange: string): NodePlace {
  return { name, cluster: clusterName, address, podRange, link: `kmlab-${name}` };
}
