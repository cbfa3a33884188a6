// A small cluster whose only node runs its pods by a containerd, and kubectl in front of it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../../../../platform/logger.js'
import { nodeClock } from '../../../../../platform/node/clock.js'
import { grpcChannels } from '../../../../../platform/node/grpc-channel.js'
import { nodeLogger } from '../../../../../platform/node/logger.js'
import { nodeMetrics } from '../../../../../platform/node/metrics.js'
import { nodeFiles } from '../../../../../platform/node/node-files.js'
import { nodeProcesses } from '../../../../../platform/node/processes.js'
import { nodeRandom } from '../../../../../platform/node/random.js'
import {
  type Kubectl,
  kubectlBinaries,
  kubectlWith,
} from '../../../../apiserver/testing/kubectl.js'
import { startSmallCluster } from '../../../../apiserver/testing/small-cluster.js'
import { HttpTransport } from '../../../../client/http-transport.js'
import { events, nodes, pods } from '../../../../client/resources.js'
import type { Node } from '../../../../api/types/core-node.js'
import { isRunning } from './pods.js'
import { ApiClient } from '../../../../client/rest-client.js'
import type { TlsFiles } from '../../../../../platform/network.js'
import type { Pod } from '../../../../api/types/core-pod.js'
import { type RunningNode, startNode } from '../../../../node.js'

export const nodeName = 'real-1'

export interface CriCluster {
  readonly kubectl: Kubectl
  /** Of an administrator. */
  readonly client: ApiClient
  /** Of the node. */
  readonly dataDirectory: string
  /** With the pods that an earlier one left. */
  startNode(): Promise<void>
  /** What runs goes on. */
  stopNode(): Promise<void>
  create(manifest: Pod): Promise<void>
  pod(name: string): Promise<Pod>
  /** The pod once `holds` does. */
  podWhere(name: string, what: string, holds: (pod: Pod) => unknown): Promise<Pod>
  runs(name: string): Promise<Pod>
  remove(name: string): Promise<void>
  /** Reasons of the events of an object. */
  eventsOf(name: string): Promise<readonly string[]>
  node(): Promise<Node>
  /** The message of the Ready condition, once it has that status. */
  nodeIs(status: 'True' | 'False'): Promise<string>
  close(): Promise<void>
}

const answerBytesMax = 16 * 1024 * 1024

/** Waits for what must come; the limit only ends a test that would hang. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const value = await probe()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`it did not happen within 30 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

export async function startCriCluster(endpoint: string): Promise<CriCluster> {
  const cluster = await startSmallCluster([])
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cri-node-'))
  const identity = await cluster.server.identity(`system:node:${nodeName}`, ['system:nodes'])
  const read = (file: string) => readFileSync(file, 'utf8')
  const verbose = process.env['NODE_TEST_LOG'] !== undefined
  const logger = verbose ? nodeLogger({ process: 'node', level: 'debug' }) : silentLogger
  const shared = { clock: nodeClock(), random: nodeRandom(), logger }
  const kubectl = kubectlWith(
    kubectlBinaries(['1.33'])[0]?.[1] ?? 'kubectl',
    cluster.server.kubeconfig,
  )
  let running: { readonly node: RunningNode; readonly transport: HttpTransport } | null = null
  const transportOf = (files: TlsFiles): HttpTransport =>
    new HttpTransport({
      ...shared,
      servers: [cluster.server.url],
      tls: { ca: read(files.caFile), cert: read(files.certFile), key: read(files.keyFile) },
      userAgent: 'test',
    })
  const adminTransport = transportOf(cluster.server.admin)
  const client = new ApiClient({ transport: adminTransport })
  const pod = (name: string): Promise<Pod> => client.get(pods, { namespace: 'default', name })
  const podWhere: CriCluster['podWhere'] = (name, what, holds) =>
    eventually(`${name} ${what}`, async () => {
      const found = await pod(name)
      return holds(found) ? found : null
    })
  const node = (): Promise<Node> => client.get(nodes, { name: nodeName })
  const stopNode = async (): Promise<void> => {
    await running?.node.stop()
    running?.transport.close()
    running = null
  }
  return {
    kubectl,
    client,
    dataDirectory,
    pod,
    async startNode() {
      const transport = transportOf(identity)
      const started = await startNode({
        ...shared,
        nodeName,
        client: new ApiClient({ transport }),
        tls: identity,
        listen: { host: '127.0.0.1', port: 0 },
        dataDirectory,
        stopPodsOnExit: false,
        runtime: {
          kind: 'cri',
          channel: grpcChannels({ tls: null, answerBytesMax })(endpoint),
          seccompDefault: true,
          downAfterMs: 500,
        },
        clusterDns: { servers: ['100.64.0.10'], domain: 'cluster.local' },
        files: nodeFiles,
        processes: nodeProcesses(),
        metrics: nodeMetrics(),
        metricsText: () => Promise.resolve(''),
        searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
        proxy: null,
      })
      running = { node: started, transport }
    },
    stopNode,
    async create(manifest) {
      await client.create(pods, manifest)
    },
    podWhere,
    runs: name => podWhere(name, 'runs', isRunning),
    async remove(name) {
      await client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 1 })
    },
    async eventsOf(name) {
      const { items } = await client.list(events, { namespace: 'default' })
      return items
        .filter(({ involvedObject }) => involvedObject?.name === name)
        .map(({ reason = '' }) => reason)
    },
    node,
    nodeIs: status =>
      eventually(`the node is ready: ${status}`, async () => {
        const { conditions = [] } = (await node().catch(() => null))?.status ?? {}
        const ready = conditions.find(({ type }) => type === 'Ready')
        return ready?.status === status ? ready.message : null
      }),
    async close() {
      await stopNode()
      adminTransport.close()
      await cluster.close()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}
