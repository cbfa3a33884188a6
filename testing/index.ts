// What `raftsman/testing` offers: see docs/testing.md.

export { InProcessCluster } from './in-process-cluster.js'
export type { InProcessClusterOptions } from './in-process-cluster.js'
export { PretendKubelet } from './pretend-kubelet.js'
export { exitCodeAnnotation, PretendMachine, runSecondsAnnotation } from './pretend-machine.js'
export { VirtualClock } from '../platform/testing/virtual-clock.js'
export { ApiError } from '../orchestrator/client/api-error.js'
export { Informer } from '../orchestrator/client/informer.js'
export { ApiClient } from '../orchestrator/client/rest-client.js'
export type { Resource } from '../orchestrator/client/resources.js'
export * as resources from '../orchestrator/client/resources.js'
