import type { Program } from './program.ts';
import { type ClusterPlace, nodes } from './topology.ts';

const certificates = '/etc/kubernetes/pki';
const etcd = 'http://127.0.0.1:2379';

/** The programs of a cluster's control plane, in the order in which they are started. */
export function controlPlanePrograms(cluster: ClusterPlace): Program[] {
  const file = (name: string) => `${certificates}/${cluster.name}-${name}`;
  return [
    program('etcd', {
      'data-dir': '/var/lib/etcd',
      'listen-client-urls': etcd,
      'advertise-client-urls': etcd,
      'listen-peer-urls': 'http://127.0.0.1:2380',
      // The lab does not outlive a power cut anyway, and syncing is most of the cost of a write.
      'unsafe-no-fsync': 'true',
    }),
    program('kube-apiserver', {
      'advertise-address': nodes[cluster.controlPlane].address,
      'secure-port': '6443',
      'etcd-servers': etcd,
      'service-cluster-ip-range': cluster.serviceRange,
      'allow-privileged': 'true',
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'enable-aggregator-routing': 'true',
      'client-ca-file': file('ca.crt'),
      'tls-cert-file': file('apiserver.crt'),
      'tls-private-key-file': file('apiserver.key'),
      'kubelet-certificate-authority': file('ca.crt'),
      'kubelet-client-certificate': file('kubelet-client.crt'),
      'kubelet-client-key': file('kubelet-client.key'),
      'kubelet-preferred-address-types': 'InternalIP',
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-key-file': file('service-accounts.pub'),
      'service-account-signing-key-file': file('service-accounts.key'),
      'requestheader-client-ca-file': file('front-ca.crt'),
      'requestheader-allowed-names': 'front-proxy',
      'requestheader-username-headers': 'X-Remote-User',
      'requestheader-group-headers': 'X-Remote-Group',
      'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'proxy-client-cert-file': file('front.crt'),
      'proxy-client-key-file': file('front.key'),
    }),
    program('kube-controller-manager', {
      kubeconfig: '/etc/kubernetes/controller-manager.conf',
      'root-ca-file': file('ca.crt'),
      'service-account-private-key-file': file('service-accounts.key'),
      'use-service-account-credentials': 'true',
      'cluster-signing-cert-file': file('ca.crt'),
      'cluster-signing-key-file': file('ca.key'),
      'leader-elect': 'false',
    }),
    program('kube-scheduler', { kubeconfig: '/etc/kubernetes/scheduler.conf', 'leader-elect': 'false' }),
  ];
}

function program(name: string, flags: Readonly<Record<string, string>>): Program {
  return { name, command: [name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)] };
}
