// What a cloud has to offer for its controllers to work: instances behind nodes, routes between them, and load
// balancers before them. Each part may be missing. Counterpart: Interface of k8s.io/cloud-provider. How to write one:
// docs/cloud.md.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { Node, NodeAddress } from '../api/types/core-node.js'
import type { LoadBalancerStatus, Service } from '../api/types/core-service.js'

/** What an instance is, as the cloud tells it. */
export interface Instance {
  /** Unique and for good, as in "local://default/node-1". */
  readonly providerId: string
  /** As in "m5.large"; '' where there are no types. */
  readonly instanceType: string
  readonly addresses: readonly NodeAddress[]
  /** '' where there are none. */
  readonly zone: string
  readonly region: string
  /** Switched off, and there all the same. */
  readonly shutdown: boolean
}

export interface Instances {
  /**
   * The one behind a node, found by its `spec.providerID` or else by its name; null when there is none any
   * more. Rejects when that is not known at the moment.
   */
  of(node: Node): Promise<Instance | null>
}

/** Where packets for the pods of a node go. */
export interface Route {
  readonly nodeName: string
  /** As in "10.244.3.0/24". */
  readonly podCidr: string
}

export interface Routes {
  /** Those that this cluster has made, whole ones only: what is there in part is not there. */
  list(): Promise<readonly Route[]>
  /** Again where it is there already. */
  create(route: Route): Promise<void>
  /** One that is not there is deleted. */
  delete(route: Route): Promise<void>
}

export interface LoadBalancers {
  /**
   * Makes it, or brings it to what the Service and the nodes are now; answers where it is reached. Must find
   * what an earlier process has made, and stay at the addresses of the Service's status.
   */
  ensure(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus>
  /** One that is not there is deleted. */
  delete(service: Service): Promise<void>
}

export interface CloudProvider {
  /** As in "local"; the scheme of provider ids. */
  readonly name: string
  readonly instances: Instances | null
  readonly routes: Routes | null
  readonly loadBalancers: LoadBalancers | null
  /** Lets go of what this process holds; what is made in the cloud stays. */
  close(): Promise<void>
}

/** What a provider is opened with. */
export interface ProviderContext {
  /** Of `--cloud-config`. */
  readonly configFile: string
  /** All that there are, as far as they are known; none before the first list of them is here. */
  readonly services: () => readonly Service[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * The default export of a provider's module. Called when this process begins to lead; rejects when the cloud
 * cannot be reached, and is called again after a while.
 */
export type OpenProvider = (context: ProviderContext) => Promise<CloudProvider>
