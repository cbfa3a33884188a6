// A small cluster with one real node that runs processes, all in this process but for those.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeFiles } from '../../../platform/node/node-files.js'
import { nodeProcesses } from '../../../platform/node/processes.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { HttpTransport } from '../../client/http-transport.js'
import { ApiClient } from '../../client/rest-client.js'
import { startNode } from '../../node.js'
import { startSmallCluster } from './small-cluster.js'
import type { SmallCluster } from './small-cluster.js'

/** Its pods end with it. */
export async function startClusterWithNode(name: string): Promise<SmallCluster> {
  const cluster = await startSmallCluster([])
  const dataDirectory = mkdtempSync(join(tmpdir(), 'raftsman-node-'))
  const identity = await cluster.server.identity(`system:node:${name}`, ['system:nodes'])
  const read = (file: string) => readFileSync(file, 'utf8')
  const shared = { clock: nodeClock(), random: nodeRandom(), logger: silentLogger }
  const transport = new HttpTransport({
    ...shared,
    servers: [cluster.server.url],
    tls: { ca: read(identity.caFile), cert: read(identity.certFile), key: read(identity.keyFile) },
    userAgent: 'test',
  })
  const node = await startNode({
    ...shared,
    nodeName: name,
    client: new ApiClient({ transport }),
    tls: identity,
    listen: { host: '127.0.0.1', port: 0 },
    dataDirectory,
    stopPodsOnExit: true,
    files: nodeFiles,
    processes: nodeProcesses(),
    metrics: nodeMetrics(),
    metricsText: () => Promise.resolve(''),
    searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
    proxy: null,
  })
  return {
    server: cluster.server,
    async close() {
      await node.stop()
      transport.close()
      await cluster.close()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}
