// Where a local cluster keeps its things, and which ports it takes. Pure: paths and numbers only.
// Scripts rely on these ports; master i of 1..5 has its own digit in front.

import { join, resolve } from 'node:path'

export interface ClusterOptions {
  readonly masters: number
  readonly nodes: number
  readonly portOffset: number
  /** Plain store client ports, for quick tries with other clients. */
  readonly storeTls: boolean
  /** How long the past can be read; null for ever. */
  readonly historyMs: number | null
}

export const mastersMax = 5
export const nodesMax = 20

const loopback = '127.0.0.1'

export interface MasterPlan {
  /** "master-1" */
  readonly name: string
  /** 1-based; also the Raft node id. */
  readonly ordinal: number
  readonly storeClient: string
  readonly storePeer: string
  readonly apiserver: string
  /** Health and metrics of its controllers. */
  readonly controllerManager: string
  /** Health, metrics and explanations of its scheduler. */
  readonly scheduler: string
  /** Health and metrics of its cloud controllers. */
  readonly cloudControllerManager: string
}

export interface NodePlan {
  /** "node-1" */
  readonly name: string
  readonly ordinal: number
  readonly kubelet: string
}

export interface ClusterPlan {
  readonly options: ClusterOptions
  readonly masters: readonly MasterPlan[]
  readonly nodes: readonly NodePlan[]
  /** Address of the balancer over all API servers: the one that kubeconfigs name. */
  readonly balancer: string
  readonly addresses: AddressPlan
}

export interface AddressPlan {
  /** Pod addresses, given out to nodes in /24s. */
  readonly clusterCidr: string
  readonly serviceCidr: string
  /** First address of the service CIDR: the `kubernetes` Service. */
  readonly apiService: string
  /** Addresses of load balancers. */
  readonly balancerCidr: string
}

/** Offset clusters have a /18 each in 127.128.0.0/9: one half for pods, the other for Services and balancers. */
const sliceCount = 512

/**
 * Every 127/8 address is bindable on Linux without root. Clusters on one machine share it, so one
 * with a port offset takes addresses of its own too; offsets 512 apart would take the same.
 */
export function planAddresses(portOffset: number): AddressPlan {
  if (portOffset === 0) {
    return {
      clusterCidr: '127.64.0.0/12',
      serviceCidr: '127.96.0.0/16',
      apiService: '127.96.0.1',
      balancerCidr: '127.97.0.0/16',
    }
  }
  const slice = portOffset % sliceCount
  const second = 128 + (slice >> 2)
  const third = (slice & 3) * 64
  return {
    clusterCidr: `127.${second}.${third}.0/19`,
    serviceCidr: `127.${second}.${third + 32}.0/20`,
    apiService: `127.${second}.${third + 32}.1`,
    balancerCidr: `127.${second}.${third + 48}.0/20`,
  }
}

function addressOf(port: number, options: ClusterOptions): string {
  return `${loopback}:${port + options.portOffset}`
}

export function planCluster(options: ClusterOptions): ClusterPlan {
  const masters = Array.from({ length: options.masters }, (_, position): MasterPlan => {
    const ordinal = position + 1
    return {
      name: `master-${ordinal}`,
      ordinal,
      storeClient: addressOf(ordinal * 10_000 + 2379, options),
      storePeer: addressOf(ordinal * 10_000 + 2380, options),
      apiserver: addressOf(ordinal * 10_000 + 6443, options),
      controllerManager: addressOf(ordinal * 10_000 + 257, options),
      scheduler: addressOf(ordinal * 10_000 + 259, options),
      cloudControllerManager: addressOf(ordinal * 10_000 + 258, options),
    }
  })
  const nodes = Array.from({ length: options.nodes }, (_, position): NodePlan => {
    const ordinal = position + 1
    return { name: `node-${ordinal}`, ordinal, kubelet: addressOf(10_240 + ordinal * 10, options) }
  })
  return {
    options,
    masters,
    nodes,
    balancer: addressOf(6443, options),
    addresses: planAddresses(options.portOffset),
  }
}

/** Every address that must be free before a start, with what it is for. */
export function addressesOf(plan: ClusterPlan): readonly { address: string; purpose: string }[] {
  return [
    { address: plan.balancer, purpose: 'the API' },
    ...plan.masters.flatMap(master => [
      { address: master.storeClient, purpose: `store clients of ${master.name}` },
      { address: master.storePeer, purpose: `store peers of ${master.name}` },
      { address: master.apiserver, purpose: `the API server of ${master.name}` },
      { address: master.controllerManager, purpose: `the controllers of ${master.name}` },
      { address: master.scheduler, purpose: `the scheduler of ${master.name}` },
      {
        address: master.cloudControllerManager,
        purpose: `the cloud controllers of ${master.name}`,
      },
    ]),
    ...plan.nodes.map(node => ({ address: node.kubelet, purpose: `the kubelet of ${node.name}` })),
  ]
}

/** The files below a data directory. */
export class Layout {
  readonly directory: string

  constructor(dataDirectory: string) {
    this.directory = resolve(dataDirectory)
  }

  get clusterFile(): string {
    return join(this.directory, 'cluster.json')
  }

  /** What the local cloud is made of. */
  get cloudConfig(): string {
    return join(this.directory, 'cloud.yaml')
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig')
  }

  get pki(): string {
    return join(this.directory, 'pki')
  }

  get logs(): string {
    return join(this.directory, 'logs')
  }

  get run(): string {
    return join(this.directory, 'run')
  }

  get supervisorFile(): string {
    return join(this.run, 'supervisor.json')
  }

  /** Process file of a component; its name may hold a slash ("master-1/store"). */
  processFile(component: string): string {
    return join(this.run, `${component.replaceAll('/', '.')}.json`)
  }

  /** While it exists the supervisor leaves the master or node down. */
  stoppedFile(member: string): string {
    return join(this.run, `${member}.stopped`)
  }

  logFile(component: string): string {
    return join(this.logs, `${component.replaceAll('/', '.')}.log`)
  }

  masterDirectory(name: string): string {
    return join(this.directory, 'masters', name)
  }

  get nodes(): string {
    return join(this.directory, 'nodes')
  }

  nodeDirectory(name: string): string {
    return join(this.nodes, name)
  }
}
