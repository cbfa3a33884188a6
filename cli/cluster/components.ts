// The processes of a local cluster as command lines. The same commands run under systemd on
// several machines; nothing here is known to the components themselves.

import { type ClusterPlan, type Layout, type MasterPlan, type NodePlan } from './layout.js'
import type { ClusterPki } from '../pki/cluster-pki.js'
import type { TlsFiles } from '../../platform/network.js'
import { must } from '../../platform/errors.js'
import { retentionText } from '../span.js'

export interface ComponentSpec {
  /** "master-1/store", "node-1/node" */
  readonly name: string
  /** The master or node that it is a part of. */
  readonly member: string
  /** Later ones are stopped first. */
  readonly stage: 'store' | 'apiserver' | 'controllers' | 'node'
  /** Subcommand and flags of `raftsman`. */
  readonly args: readonly string[]
}

const tlsFlags = (prefix: string, files: TlsFiles): readonly string[] => [
  `--${prefix}cert-file=${files.certFile}`,
  `--${prefix}key-file=${files.keyFile}`,
  `--${prefix}ca-file=${files.caFile}`,
]

/** The member's own part first, so that clients prefer it. */
function ownFirst<T extends { readonly name: string }>(
  own: string,
  all: readonly T[],
): readonly T[] {
  return [...all.filter(({ name }) => name === own), ...all.filter(({ name }) => name !== own)]
}

const apiservers = (masters: readonly MasterPlan[]): string =>
  masters.map(({ apiserver }) => `https://${apiserver}`).join(',')

function storeArgs(
  plan: ClusterPlan,
  layout: Layout,
  pki: ClusterPki,
  master: MasterPlan,
): readonly string[] {
  const identity = must(pki.masters.get(master.name), `no certificates for ${master.name}`)
  const members = plan.masters.map(
    ({ name, storePeer, storeClient }) => `${name}=${storePeer}/${storeClient}`,
  )
  return [
    'store',
    `--name=${master.name}`,
    `--data-dir=${layout.masterDirectory(master.name)}/store`,
    `--initial-cluster=${members.join(',')}`,
    ...(plan.options.storeTls ? tlsFlags('', identity.storeServer) : ['--no-tls']),
    ...tlsFlags('peer-', identity.peer),
  ]
}

function apiserverArgs(plan: ClusterPlan, pki: ClusterPki, master: MasterPlan): readonly string[] {
  const identity = must(pki.masters.get(master.name), `no certificates for ${master.name}`)
  const endpoints = ownFirst(master.name, plan.masters).map(({ storeClient }) => storeClient)
  return [
    'apiserver',
    `--name=${master.name}`,
    `--listen=${master.apiserver}`,
    `--store=${endpoints.join(',')}`,
    `--service-cidr=${plan.addresses.serviceCidr}`,
    `--advertise=${master.apiserver}`,
    `--history=${retentionText(plan.options.historyMs)}`,
    `--service-account-key-file=${pki.serviceAccountKeyFile}`,
    ...tlsFlags('', identity.apiserver),
    ...tlsFlags('kubelet-client-', identity.kubeletClient),
    ...tlsFlags('proxy-client-', identity.proxyClient),
    ...(plan.options.storeTls ? tlsFlags('store-', identity.storeClient) : []),
  ]
}

function controllersArgs(
  plan: ClusterPlan,
  layout: Layout,
  pki: ClusterPki,
  master: MasterPlan,
): readonly string[] {
  const identity = must(pki.masters.get(master.name), `no certificates for ${master.name}`)
  return [
    'controllers',
    `--name=${master.name}`,
    `--apiserver=${apiservers(ownFirst(master.name, plan.masters))}`,
    `--cluster-cidr=${plan.addresses.clusterCidr}`,
    `--service-account-private-key-file=${pki.serviceAccountKeyFile}`,
    `--cluster-signing-cert-file=${pki.clusterSigning.certFile}`,
    `--cluster-signing-key-file=${pki.clusterSigning.keyFile}`,
    ...tlsFlags('controller-manager-', identity.controllerManager),
    ...tlsFlags('scheduler-', identity.scheduler),
    ...tlsFlags('cloud-controller-manager-', identity.cloudControllerManager),
    `--cloud-config=${layout.cloudConfig}`,
    `--controller-manager-listen=${master.controllerManager}`,
    `--scheduler-listen=${master.scheduler}`,
    `--cloud-controller-manager-listen=${master.cloudControllerManager}`,
    ...tlsFlags('serving-', identity.controllersServer),
  ]
}

function nodeArgs(
  plan: ClusterPlan,
  layout: Layout,
  pki: ClusterPki,
  node: NodePlan,
): readonly string[] {
  const identity = must(pki.nodes.get(node.name), `no certificates for ${node.name}`)
  // Nodes start on different masters, so that one master's death does not touch them all at once.
  const first = plan.masters[(node.ordinal - 1) % plan.masters.length]
  return [
    'node',
    `--name=${node.name}`,
    `--data-dir=${layout.nodeDirectory(node.name)}`,
    `--listen=${node.kubelet}`,
    `--apiserver=${apiservers(ownFirst(first?.name ?? '', plan.masters))}`,
    '--stop-pods-on-exit',
    ...tlsFlags('', identity.server),
    ...tlsFlags('client-', identity.client),
  ]
}

/** In the order in which they are started. */
export function componentsOf(
  plan: ClusterPlan,
  layout: Layout,
  pki: ClusterPki,
): readonly ComponentSpec[] {
  return [
    ...plan.masters.map(
      (master): ComponentSpec => ({
        name: `${master.name}/store`,
        member: master.name,
        stage: 'store',
        args: storeArgs(plan, layout, pki, master),
      }),
    ),
    ...plan.masters.map(
      (master): ComponentSpec => ({
        name: `${master.name}/apiserver`,
        member: master.name,
        stage: 'apiserver',
        args: apiserverArgs(plan, pki, master),
      }),
    ),
    ...plan.masters.map(
      (master): ComponentSpec => ({
        name: `${master.name}/controllers`,
        member: master.name,
        stage: 'controllers',
        args: controllersArgs(plan, layout, pki, master),
      }),
    ),
    ...plan.nodes.map(
      (node): ComponentSpec => ({
        name: node.name,
        member: node.name,
        stage: 'node',
        args: nodeArgs(plan, layout, pki, node),
      }),
    ),
  ]
}
