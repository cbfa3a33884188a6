// A cluster in one process for clients to be tried on: a real API server, the controllers and the
// scheduler over its HTTP API, and nodes that run nothing but say they do.

import { startControlPlane } from '../../controllers/testing/running-controllers.js'
import type { TestApiserver } from './start-apiserver.js'

export interface SmallCluster {
  readonly server: TestApiserver
  close(): Promise<void>
}

/** Resolves once the nodes are registered. `close` throws where a controller broke an invariant. */
export async function startSmallCluster(nodes: readonly string[]): Promise<SmallCluster> {
  const plane = await startControlPlane(nodes)
  return { server: plane.server, close: () => plane.stop() }
}
