import { run, tryRun } from './run.ts';
import { bridge, type ClusterName, clusters, nodeNames, nodes, registryPort } from './topology.ts';

const table = 'kubectl_migrate_lab';
/** What `cutOff` makes, apart from what an isolated lab is made of. */
const faultTable = 'kubectl_migrate_fault';

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

/** Chains through which nothing passes between the clusters: neither the bridge, nor the machine as a router. */
function between(family: 'bridge' | 'inet'): string {
  const drops =
    family === 'bridge'
      ? ['iifname "kmlab-east-*" oifname "kmlab-west-*"', 'iifname "kmlab-west-*" oifname "kmlab-east-*"']
      : (['east', 'west'] as const).map((from) => {
          const to = from === 'east' ? 'west' : 'east';
          return `ip saddr { ${addressesOf(from)} } ip daddr { ${addressesOf(to)} }`;
        });
  return `  chain forward {
    type filter hook forward priority 0; policy accept;
${drops.map((drop) => `    ${drop} drop`).join('\n')}
  }`;
}

/**
 * Rules of the isolated lab. Between the clusters nothing passes. From the machine itself only the API servers can be
 * reached; the registry's answers get through to everybody.
 */
function isolationRules(): string {
  return `table bridge ${table} {
${between('bridge')}
}
table inet ${table} {
${between('inet')}
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

/** What cannot reach what: the clusters one another, or this machine the API server of one. */
export type Cut = 'between the clusters' | { readonly from: 'this machine'; readonly to: ClusterName };

function cutRules(cut: Cut): string {
  if (cut === 'between the clusters') {
    return `table bridge ${faultTable} {
${between('bridge')}
}
table inet ${faultTable} {
${between('inet')}
}
`;
  }
  return `table inet ${faultTable} {
  chain output {
    type filter hook output priority 0; policy accept;
    ip daddr ${nodes[clusters[cut.to].controlPlane].address} tcp dport 6443 drop
  }
}
`;
}

/** Loses every packet of a cut, those of connections that are open too, until the function that it yields is called. */
export async function cutOff(nft: readonly string[], cut: Cut): Promise<() => Promise<void>> {
  const [program = 'nft', ...args] = nft;
  await run(program, [...args, '-f', '-'], { input: cutRules(cut) });
  return () => removeTables(nft, faultTable);
}

async function removeTables([program = 'nft', ...args]: readonly string[], name: string): Promise<void> {
  for (const family of ['bridge', 'inet']) await tryRun(program, [...args, 'delete', 'table', family, name]);
}

/** Connects a node's link, or takes its cable out. */
export async function setLink(link: string, state: 'up' | 'down'): Promise<void> {
  await ip(`link set ${link} ${state}`);
}

/** Loads the rules of the isolated lab, or takes them away. Idempotent. */
export async function setIsolation(nft: readonly string[], isolated: boolean): Promise<void> {
  await removeTables(nft, table);
  if (!isolated) return;
  const [program = 'nft', ...args] = nft;
  await run(program, [...args, '-f', '-'], { input: isolationRules() });
}

/** Removes the lab's bridge, links and packet filter tables, whatever of them is there. Idempotent. */
export async function removeNetwork(nft: readonly string[]): Promise<void> {
  for (const name of [table, faultTable]) await removeTables(nft, name);
  for (const name of [...nodeNames.map((node) => nodes[node].link), bridge.name])
    await tryRun('ip', ['link', 'delete', name]);
}

async function ip(command: string): Promise<void> {
  await run('ip', command.split(' '));
}
