// The node process: kubelet and proxy over one connection to the API servers, as raft/node.ts is
// the whole of its parts. Counterpart: the kubelet and kube-proxy binaries of a Kubernetes node.

import { join, resolve } from 'node:path'
import type { Clock } from '../platform/clock.js'
import type { Files } from '../platform/files.js'
import type { Logger } from '../platform/logger.js'
import type { Metrics } from '../platform/metrics.js'
import type { TlsFiles } from '../platform/network.js'
import type { Processes } from '../platform/processes.js'
import type { Random } from '../platform/random.js'
import type { ApiClient } from './client/rest-client.js'
import { nodes, resourceKey, services } from './client/resources.js'
import { SharedInformers } from './client/shared-informers.js'
import { Kubelet } from './kubelet/kubelet.js'
import type { DnsOptions } from './dns/start-dns.js'
import { type ProxyOptions, startNodeNetwork } from './node-network.js'
import { type RuntimeChoice, runtimeOf } from './node-runtime.js'

export interface NodeOptions {
  readonly nodeName: string
  /** As system:node:<nodeName> of the group system:nodes. */
  readonly client: ApiClient
  /** Serving certificate of the kubelet, and the authority whose clients may come. */
  readonly tls: TlsFiles
  /** Of the kubelet's server; the host is also the node's InternalIP. Port 0 for any. */
  readonly listen: { readonly host: string; readonly port: number }
  /** State, volumes and logs of pods. One directory a node. */
  readonly dataDirectory: string
  /** Where volumes lie that are directories of this node. Default: below `dataDirectory`. */
  readonly localVolumesDirectory?: string
  /** True when `stop` shall end the pods; else they go on, and the next start finds them. */
  readonly stopPodsOnExit: boolean
  readonly labels?: { readonly [key: string]: string }
  /** Resources that win over what the machine has, as in {cpu: "2"}. */
  readonly capacity?: { readonly [resource: string]: string }
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly files: Files
  readonly logger: Logger
  readonly metrics: Metrics
  /** Prometheus' text, for the kubelet's /metrics. */
  readonly metricsText: () => Promise<string>
  /** PATH of this process, where pods find their programs. */
  readonly searchPath: string
  /** What runs the pods; the embedded one unless it is said. */
  readonly runtime?: RuntimeChoice
  /** Name servers of the cluster, and the end of its names. */
  readonly clusterDns?: { readonly servers: readonly string[]; readonly domain: string }
  /** Null runs no proxy. */
  readonly proxy: ProxyOptions | null
  /** Runs together with the proxy; without it this node answers no names. */
  readonly dns?: DnsOptions
}

export interface RunningNode {
  /** Port that the kubelet's server is bound to. */
  readonly kubeletPort: number
  stop(): Promise<void>
}

/** Resolves when the kubelet serves; registration and pods follow as soon as the API answers. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { nodeName, client, clock, random, listen } = options
  const logger = options.logger.child({ node: nodeName })
  const ownNode = { fieldSelector: `metadata.name=${nodeName}` }
  const selections = new Map([[resourceKey(nodes), ownNode]])
  const informers = new SharedInformers({ client, clock, random, logger, selections })
  const serviceInformer = informers.of(services)
  const runtime = runtimeOf({ ...options, logger })
  const kubelet = new Kubelet({
    ...options,
    runtime,
    host: listen.host,
    port: listen.port,
    localVolumesDirectory: resolve(
      options.localVolumesDirectory ?? join(options.dataDirectory, 'local-volumes'),
    ),
    labels: options.labels ?? {},
    capacity: options.capacity ?? {},
    logger,
    clusterDns: {
      clusterServers: options.clusterDns?.servers ?? [],
      clusterDomain: options.clusterDns?.domain ?? 'cluster.local',
    },
    services: () => serviceInformer.objects.list(),
    whenServicesKnown: () => serviceInformer.whenSynced(),
  })
  const { port } = await kubelet.start()
  const network =
    options.proxy === null
      ? null
      : startNodeNetwork({
          ...options,
          proxy: options.proxy,
          dns: options.dns ?? null,
          informers,
          logger,
        })
  informers.start()
  return {
    kubeletPort: port,
    async stop() {
      await kubelet.stop()
      await network?.stop()
      informers.stop()
    },
  }
}
