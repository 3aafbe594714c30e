import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { kubeconfig } from './pki.ts';
import type { RuntimeName } from './state.ts';
import { clusters, type NodeName, nodes, registryAddress } from './topology.ts';

/** Files that a node's root has beyond those all nodes share: path without leading slash, and content. */
export type NodeFiles = Readonly<Record<string, string>>;

/**
 * The files of a node: certificates, configuration of kubelet, kube-proxy, pod network and container runtime.
 * @param pki folder of the certificates; @param root root file system that the nodes share.
 */
export function nodeFiles(name: NodeName, runtime: RuntimeName | undefined, pki: string, root: string): NodeFiles {
  const { cluster } = nodes[name];
  const isControlPlane = clusters[cluster].controlPlane === name;
  const trusted = readFileSync(path.join(root, 'etc/ssl/certs/ca-certificates.crt'), 'utf8');
  const user = (certificate: string) => kubeconfig(pki, [{ cluster, certificate }]);
  return {
    'etc/hostname': `${name}\n`,
    'etc/hosts': `127.0.0.1 localhost\n${nodes[name].address} ${name}\n`,
    'etc/resolv.conf': '',
    'etc/ssl/certs/ca-certificates.crt': trusted + readFileSync(path.join(pki, 'registry-ca.crt'), 'utf8'),
    'etc/cni/net.d/10-lab.conflist': json(podNetwork(name)),
    'etc/kubernetes/kubelet.conf': user(name),
    'etc/kubernetes/proxy.conf': user(`${cluster}-proxy`),
    'etc/kubernetes/kubelet.yaml': json(kubeletConfiguration(name, runtime)),
    'etc/kubernetes/proxy.yaml': json(proxyConfiguration(name)),
    ...copies(pki, [`${cluster}-ca.crt`, `${name}.crt`, `${name}.key`]),
    ...(isControlPlane ? controlPlaneFiles(name, pki) : {}),
    ...(runtime === 'crio' ? crioFiles() : { 'etc/containerd/config.toml': containerdConfiguration() }),
  };
}

/** Address of a node's container runtime for kubelet and crictl. */
export function runtimeEndpoint(runtime: RuntimeName | undefined): string {
  return runtime === 'crio' ? 'unix:///run/crio/crio.sock' : 'unix:///run/containerd/containerd.sock';
}

function controlPlaneFiles(name: NodeName, pki: string): NodeFiles {
  const { cluster } = nodes[name];
  return {
    'etc/kubernetes/controller-manager.conf': kubeconfig(pki, [
      { cluster, certificate: `${cluster}-controller-manager` },
    ]),
    'etc/kubernetes/scheduler.conf': kubeconfig(pki, [{ cluster, certificate: `${cluster}-scheduler` }]),
    ...copies(
      pki,
      readdirSync(pki).filter((file) => file.startsWith(`${cluster}-`)),
    ),
  };
}

function copies(pki: string, names: readonly string[]): NodeFiles {
  return Object.fromEntries(
    names.map((name) => [`etc/kubernetes/pki/${name}`, readFileSync(path.join(pki, name), 'utf8')]),
  );
}

function podNetwork(name: NodeName): unknown {
  return {
    cniVersion: '1.0.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: nodes[name].podRange }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function kubeletConfiguration(name: NodeName, runtime: RuntimeName | undefined): unknown {
  const { cluster, address } = nodes[name];
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `/etc/kubernetes/pki/${cluster}-ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `/etc/kubernetes/pki/${name}.crt`,
    tlsPrivateKeyFile: `/etc/kubernetes/pki/${name}.key`,
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [clusters[cluster].dnsAddress],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/resolv.conf',
    containerRuntimeEndpoint: runtimeEndpoint(runtime),
    serializeImagePulls: false,
    // The disk is the machine's, shared with everything else on it: how full it is says nothing about the lab.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  };
}

function proxyConfiguration(name: NodeName): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: '/etc/kubernetes/proxy.conf' },
    mode: 'nftables',
    clusterCIDR: clusters[nodes[name].cluster].podRange,
    hostnameOverride: name,
    // These limits belong to the whole machine and cannot be set from a node.
    conntrack: { maxPerCore: 0, min: 0 },
  };
}

function containerdConfiguration(): string {
  return `version = 3
[plugins.'io.containerd.cri.v1.runtime']
  # Root of the machine may lack CAP_SYS_RESOURCE, and then no score can be lowered.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/usr/lib/cni']
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${registryAddress}/pause:lab'
`;
}

function crioFiles(): NodeFiles {
  return {
    'etc/crio/crio.conf': `[crio]
storage_driver = "overlay"
root = "/var/lib/containerd/crio"
runroot = "/run/containers/storage"
[crio.runtime]
default_runtime = "runc"
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
pinns_path = "/usr/local/bin/pinns"
enable_criu_support = true
drop_infra_ctr = false
[crio.runtime.runtimes.runc]
runtime_path = "/usr/local/sbin/soft-runc"
monitor_path = "/usr/bin/conmon"
monitor_cgroup = "pod"
[crio.image]
pause_image = "${registryAddress}/pause:lab"
pause_command = ""
signature_policy = "/etc/crio/policy.json"
[crio.network]
network_dir = "/etc/cni/net.d"
plugin_dirs = ["/usr/lib/cni"]
`,
    'etc/crio/policy.json': json({ default: [{ type: 'insecureAcceptAnything' }] }),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
