// A cluster in one process for clients to be tried on: a real API server, the controllers and the
// scheduler over its HTTP API, and nodes that run nothing but say they do.

import { readFileSync } from 'node:fs'
import { silentLogger } from '../../../platform/logger.js'
import type { TlsFiles } from '../../../platform/network.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { HttpTransport } from '../../client/http-transport.js'
import { ApiClient } from '../../client/rest-client.js'
import { startControllers } from '../../controllers/start-controllers.js'
import { startFakeKubelet } from '../../controllers/testing/fake-kubelet.js'
import { startScheduler } from '../../scheduler/start-scheduler.js'
import { startTestApiserver } from './start-apiserver.js'
import type { TestApiserver } from './start-apiserver.js'

export interface SmallCluster {
  readonly server: TestApiserver
  close(): Promise<void>
}

/** Resolves once the nodes are registered. A bug that a controller reports ends the process. */
export async function startSmallCluster(nodes: readonly string[]): Promise<SmallCluster> {
  const server = await startTestApiserver()
  const transports: HttpTransport[] = []
  const transportOf = (identity: TlsFiles): HttpTransport => {
    const read = (file: string) => readFileSync(file, 'utf8')
    const transport = new HttpTransport({
      servers: [server.url],
      tls: {
        ca: read(identity.caFile),
        cert: read(identity.certFile),
        key: read(identity.keyFile),
      },
      userAgent: 'test',
      clock: nodeClock(),
      logger: silentLogger,
    })
    transports.push(transport)
    return transport
  }
  const shared = {
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    metrics: nodeMetrics(),
    onFatal: (error: unknown) => {
      throw error
    },
    identity: 'a',
  }
  const controllers = await startControllers({
    ...shared,
    transport: transportOf(await server.identity('system:kube-controller-manager')),
    rootCa: server.authority.caPem,
  })
  const scheduler = await startScheduler({
    ...shared,
    transport: transportOf(await server.identity('system:kube-scheduler')),
  })
  const client = new ApiClient({ transport: transportOf(server.admin) })
  const kubelets = await Promise.all(nodes.map(name => startFakeKubelet(client, name)))
  return {
    server,
    async close() {
      for (const kubelet of kubelets) kubelet.crash()
      await controllers.stop()
      await scheduler.stop()
      for (const transport of transports) transport.close()
      await server.close()
    },
  }
}
