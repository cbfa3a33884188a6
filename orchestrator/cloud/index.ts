// What `raftsman/cloud` offers to those who write a provider: see docs/cloud.md.

export type {
  CloudProvider,
  Instance,
  Instances,
  LoadBalancers,
  OpenProvider,
  ProviderContext,
  Route,
  Routes,
} from './provider.js'
export type { Node, NodeAddress } from '../api/types/core-node.js'
export type { LoadBalancerStatus, Service } from '../api/types/core-service.js'
