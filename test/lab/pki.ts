import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Recipe } from './cache.ts';
import { run } from './run.ts';
import { bridge, type ClusterName, clusterNames, clusters, nodeNames, nodes } from './topology.ts';

interface Certificate {
  readonly name: string;
  readonly authority: string;
  readonly subject: string;
  readonly names?: readonly string[];
}

const authorities = ['registry-ca', ...clusterNames.flatMap((name) => [`${name}-ca`, `${name}-front-ca`])];

const certificates: readonly Certificate[] = [
  { name: 'registry', authority: 'registry-ca', subject: '/CN=registry', names: [`IP:${bridge.address}`] },
  ...clusterNames.flatMap(ofCluster),
  ...nodeNames.map((name) => ({
    name,
    authority: `${nodes[name].cluster}-ca`,
    subject: `/O=system:nodes/CN=system:node:${name}`,
    names: [`IP:${nodes[name].address}`, `DNS:${name}`],
  })),
];

function ofCluster(cluster: ClusterName): Certificate[] {
  const place = clusters[cluster];
  const authority = `${cluster}-ca`;
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  return [
    {
      name: `${cluster}-apiserver`,
      authority,
      subject: '/CN=kube-apiserver',
      names: [
        `IP:${nodes[place.controlPlane].address}`,
        `IP:${place.firstServiceAddress}`,
        'IP:127.0.0.1',
        ...service.map((name) => `DNS:${name}`),
      ],
    },
    { name: `${cluster}-admin`, authority, subject: '/O=system:masters/CN=admin' },
    { name: `${cluster}-kubelet-client`, authority, subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
    { name: `${cluster}-controller-manager`, authority, subject: '/CN=system:kube-controller-manager' },
    { name: `${cluster}-scheduler`, authority, subject: '/CN=system:kube-scheduler' },
    { name: `${cluster}-proxy`, authority, subject: '/CN=system:kube-proxy' },
    { name: `${cluster}-front`, authority: `${cluster}-front-ca`, subject: '/CN=front-proxy' },
  ];
}

/** Authorities, certificates and keys of both clusters and of the registry: NAME.crt and NAME.key. */
export const pki: Recipe = {
  name: 'pki',
  inputs: { authorities, certificates, days: 3650, form: 1 },
  usual: '2 s',
  make: async (folder) => {
    const config = path.join(folder, 'openssl.cnf');
    writeFileSync(config, '[req]\ndistinguished_name = subject\n[subject]\n');
    const issue = (name: string, subject: string, more: readonly string[]) =>
      run('openssl', [
        ...['req', '-x509', '-config', config, '-days', '3650', '-subj', subject],
        ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-keyout', path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)],
        ...more,
      ]);
    await Promise.all(
      authorities.map((name) =>
        issue(name, `/CN=kubectl-migrate lab ${name}`, [
          ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
          ...['-addext', 'subjectKeyIdentifier=hash'],
        ]),
      ),
    );
    for (const { name, authority, subject, names = [] } of certificates) {
      await issue(name, subject, [
        ...['-CA', path.join(folder, `${authority}.crt`), '-CAkey', path.join(folder, `${authority}.key`)],
        ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
        ...(names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`]),
      ]);
    }
    for (const cluster of clusterNames) {
      const keys = generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      writeFileSync(path.join(folder, `${cluster}-service-accounts.key`), keys.privateKey, { mode: 0o600 });
      writeFileSync(path.join(folder, `${cluster}-service-accounts.pub`), keys.publicKey);
    }
  },
};

/** A user of a cluster in a kubeconfig: the certificate's name, and that of the context (default: the cluster's). */
export interface KubeconfigUser {
  readonly cluster: ClusterName;
  readonly certificate: string;
}

/** Text of a kubeconfig with one context for each user, named after its cluster; the first one is current. */
export function kubeconfig(folder: string, users: readonly KubeconfigUser[]): string {
  const encoded = (file: string) => readFileSync(path.join(folder, file)).toString('base64');
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': users[0]?.cluster ?? '',
      contexts: users.map(({ cluster }) => ({ name: cluster, context: { cluster, user: cluster } })),
      clusters: users.map(({ cluster }) => ({
        name: cluster,
        cluster: {
          server: clusters[cluster].apiServer,
          'certificate-authority-data': encoded(`${cluster}-ca.crt`),
        },
      })),
      users: users.map(({ cluster, certificate }) => ({
        name: cluster,
        user: {
          'client-certificate-data': encoded(`${certificate}.crt`),
          'client-key-data': encoded(`${certificate}.key`),
        },
      })),
    },
    null,
    1,
  );
}
