import { run, tryRun } from './run.ts';
import { bridge, type ClusterName, clusters, nodeNames, nodes, registryPort } from './topology.ts';

const table = 'kubectl_migrate_lab';

/** Makes the bridge and the routes to the pods of every node. Only after a look that nothing of ours is there. */
export async function makeBridge(): Promise<void> {
  await ip(`link add ${bridge.name} type bridge`);
  await ip(`addr add ${bridge.address}/${bridge.prefix} dev ${bridge.name}`);
  await ip(`link set ${bridge.name} up`);
  for (const name of nodeNames) await ip(`route add ${nodes[name].podRange} via ${nodes[name].address}`);
}

/** Links a node's network namespace, that of its init process, to the bridge. */
export async function linkNode(name: (typeof nodeNames)[number], init: number): Promise<void> {
  const { link, address, cluster } = nodes[name];
  await ip(`link add ${link} type veth peer name eth0 netns ${init}`);
  await ip(`link set ${link} master ${bridge.name} up`);
  const others = nodeNames.filter((other) => other !== name);
  const script = [
    `ip addr add ${address}/${bridge.prefix} dev eth0`,
    'ip link set eth0 up',
    // Service addresses never leave the node, but without a route the kernel refuses them before they are translated.
    `ip route add ${clusters[cluster].serviceRange} dev eth0`,
    ...others.map((other) => `ip route add ${nodes[other].podRange} via ${nodes[other].address}`),
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
  ];
  await run('nsenter', ['-t', String(init), '--net', '--mount', '--pid', 'sh', '-ec', script.join('\n')]);
}

function addressesOf(cluster: ClusterName): string {
  const members = nodeNames.filter((name) => nodes[name].cluster === cluster);
  return [clusters[cluster].podRange, ...members.map((name) => nodes[name].address)].join(', ');
}

/**
 * Rules of the isolated lab. Between the clusters nothing passes the bridge, nor the machine as a router. From the
 * machine itself only the API servers can be reached; the registry's answers get through to everybody.
 */
function isolationRules(): string {
  return `table bridge ${table} {
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "kmlab-east-*" oifname "kmlab-west-*" drop
    iifname "kmlab-west-*" oifname "kmlab-east-*" drop
  }
}
table inet ${table} {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip saddr { ${addressesOf('east')} } ip daddr { ${addressesOf('west')} } drop
    ip saddr { ${addressesOf('west')} } ip daddr { ${addressesOf('east')} } drop
  }
  chain output {
    type filter hook output priority 0; policy accept;
    oifname != "${bridge.name}" accept
    tcp dport 6443 accept
    tcp sport ${registryPort} accept
    meta l4proto { icmp, ipv6-icmp } accept
    reject
  }
}
`;
}

/** Loads the rules of the isolated lab. */
export async function isolate(nft: readonly string[]): Promise<void> {
  const [program = 'nft', ...args] = nft;
  await run(program, [...args, '-f', '-'], { input: isolationRules() });
}

/** Removes the lab's bridge, links and packet filter tables, whatever of them is there. Idempotent. */
export async function removeNetwork(nft: readonly string[]): Promise<void> {
  const [program = 'nft', ...args] = nft;
  for (const family of ['bridge', 'inet']) await tryRun(program, [...args, 'delete', 'table', family, table]);
  for (const name of [...nodeNames.map((node) => nodes[node].link), bridge.name])
    await tryRun('ip', ['link', 'delete', name]);
}

async function ip(command: string): Promise<void> {
  await run('ip', command.split(' '));
}
