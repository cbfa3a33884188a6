// Every identity of a local cluster. Four authorities, so that a certificate opens one door only:
// `peers` for store members among themselves, `store` for clients of the store (API servers and
// the operator), `cluster` for the Kubernetes API, `front-proxy` for what stands behind it and believes
// it who asks.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { TlsFiles } from '../../platform/network.js'
import type { ClusterPlan, Layout } from '../cluster/layout.js'
import {
  type Authority,
  type CertificateFiles,
  type CertificateRequest,
  issueCertificate,
  openAuthority,
  openSigningKey,
} from './authority.js'

export interface MasterPki {
  readonly peer: TlsFiles
  readonly storeServer: TlsFiles
  readonly storeClient: TlsFiles
  readonly apiserver: TlsFiles
  /** With which the API server calls kubelets. */
  readonly kubeletClient: TlsFiles
  /** As which the API server passes requests on to extension API servers. */
  readonly proxyClient: TlsFiles
  readonly controllerManager: TlsFiles
  readonly scheduler: TlsFiles
  readonly cloudControllerManager: TlsFiles
  /** The ports of all three for health and metrics. */
  readonly controllersServer: TlsFiles
}

export interface NodePki {
  /** The kubelet's own server. */
  readonly server: TlsFiles
  /** As which it calls the API. */
  readonly client: TlsFiles
}

export interface ClusterPki {
  readonly serviceAccountKeyFile: string
  /** Of the authority `cluster`, for the controllers that sign requests. */
  readonly clusterSigning: CertificateFiles
  readonly admin: TlsFiles
  readonly storeAdmin: TlsFiles
  readonly masters: ReadonlyMap<string, MasterPki>
  readonly nodes: ReadonlyMap<string, NodePki>
}

const localHosts = ['127.0.0.1', 'localhost']
const apiHosts = [
  ...localHosts,
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]

async function issue(
  authority: Authority,
  folder: string,
  name: string,
  request: CertificateRequest,
): Promise<TlsFiles> {
  const files = await issueCertificate(authority, folder, name, request)
  return { ...files, caFile: authority.certFile }
}

async function masterPki(
  name: string,
  folder: string,
  apiService: string,
  authorities: { peers: Authority; store: Authority; cluster: Authority; frontProxy: Authority },
): Promise<MasterPki> {
  const { peers, store, cluster, frontProxy } = authorities
  const both = ['server', 'client'] as const
  return {
    peer: await issue(peers, folder, `${name}-peer`, {
      commonName: name,
      hosts: localHosts,
      usages: both,
    }),
    storeServer: await issue(store, folder, `${name}-store`, {
      commonName: name,
      hosts: localHosts,
      usages: both,
    }),
    storeClient: await issue(store, folder, `${name}-store-client`, {
      commonName: `apiserver-${name}`,
      usages: ['client'],
    }),
    apiserver: await issue(cluster, folder, `${name}-apiserver`, {
      commonName: 'kube-apiserver',
      hosts: [...apiHosts, apiService],
      usages: ['server'],
    }),
    kubeletClient: await issue(cluster, folder, `${name}-kubelet-client`, {
      commonName: 'kube-apiserver-kubelet-client',
      usages: ['client'],
    }),
    proxyClient: await issue(frontProxy, folder, `${name}-front-proxy-client`, {
      commonName: 'front-proxy-client',
      usages: ['client'],
    }),
    controllerManager: await issue(cluster, folder, `${name}-controller-manager`, {
      commonName: 'system:kube-controller-manager',
      usages: ['client'],
    }),
    scheduler: await issue(cluster, folder, `${name}-scheduler`, {
      commonName: 'system:kube-scheduler',
      usages: ['client'],
    }),
    cloudControllerManager: await issue(cluster, folder, `${name}-cloud-controller-manager`, {
      commonName: 'system:cloud-controller-manager',
      usages: ['client'],
    }),
    controllersServer: await issue(cluster, folder, `${name}-controllers`, {
      commonName: `controllers-${name}`,
      hosts: localHosts,
      usages: ['server'],
    }),
  }
}

/** Opens what is there and issues what is missing or about to expire. */
export async function openClusterPki(layout: Layout, plan: ClusterPlan): Promise<ClusterPki> {
  const folder = layout.pki
  const peers = await openAuthority(folder, 'peers-ca')
  const store = await openAuthority(folder, 'store-ca')
  const cluster = await openAuthority(folder, 'ca')
  const frontProxy = await openAuthority(folder, 'front-proxy-ca')
  const masters = new Map<string, MasterPki>()
  for (const { name } of plan.masters) {
    masters.set(
      name,
      await masterPki(name, folder, plan.addresses.apiService, {
        peers,
        store,
        cluster,
        frontProxy,
      }),
    )
  }
  const nodes = new Map<string, NodePki>()
  for (const { name } of plan.nodes) {
    nodes.set(name, {
      server: await issue(cluster, folder, `${name}-kubelet`, {
        commonName: `system:node:${name}`,
        organizations: ['system:nodes'],
        hosts: [...localHosts, name],
        usages: ['server'],
      }),
      client: await issue(cluster, folder, `${name}-client`, {
        commonName: `system:node:${name}`,
        organizations: ['system:nodes'],
        usages: ['client'],
      }),
    })
  }
  return {
    clusterSigning: { certFile: cluster.certFile, keyFile: cluster.keyFile },
    serviceAccountKeyFile: await openSigningKey(folder, 'service-account'),
    admin: await issue(cluster, folder, 'admin', {
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usages: ['client'],
    }),
    storeAdmin: await issue(store, folder, 'store-admin', {
      commonName: 'store-admin',
      usages: ['client'],
    }),
    masters,
    nodes,
  }
}

const base64 = (file: string): string => readFileSync(file).toString('base64')

/** A kubeconfig that needs no other file beside it. Mode 0600: it carries a key. */
export function writeKubeconfig(path: string, server: string, identity: TlsFiles): void {
  const content = `apiVersion: v1
kind: Config
clusters:
- name: raftsman
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(identity.caFile)}
users:
- name: raftsman-admin
  user:
    client-certificate-data: ${base64(identity.certFile)}
    client-key-data: ${base64(identity.keyFile)}
contexts:
- name: raftsman
  context:
    cluster: raftsman
    user: raftsman-admin
current-context: raftsman
`
  const temporary = `${path}.tmp`
  writeFileSync(temporary, content, { mode: 0o600 })
  renameSync(temporary, path)
}
