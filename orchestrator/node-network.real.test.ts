import dns from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { nodeMetrics } from '../platform/node/metrics.js'
import { nodeRandom } from '../platform/node/random.js'
import type { TlsFiles } from '../platform/network.js'
import { freePort } from '../platform/testing/free-port.js'
import type { Pod } from './api/types/core-pod.js'
import type { Node } from './api/types/core-node.js'
import type { NetworkPolicy } from './api/types/networking-policy.js'
import { startTestApiserver, type TestApiserver } from './apiserver/testing/start-apiserver.js'
import { HttpTransport } from './client/http-transport.js'
import {
  endpointSlices,
  networkPolicies,
  nodes,
  pods,
  resourceKey,
  services,
} from './client/resources.js'
import { ApiClient } from './client/rest-client.js'
import { SharedInformers } from './client/shared-informers.js'
import {
  eventually,
  type Namespace,
  NodeNetwork as TestNetwork,
  systemPath,
} from './nftables/testing/network-namespaces.js'
import { type NodeNetwork, startNodeNetwork } from './node-network.js'
import { endpointOf, serviceOf, sliceOf } from './proxy/testing/objects.js'

let network: TestNetwork
let apiserver: TestApiserver
let admin: ApiClient
let informers: SharedInformers
let running: NodeNetwork
let web: Namespace
let client: Namespace
let dnsPort = 0
let healthPort = 0
const transports: HttpTransport[] = []
const clock = nodeClock()
const random = nodeRandom()

function clientOf(files: TlsFiles): ApiClient {
  const transport = new HttpTransport({
    servers: [apiserver.url],
    tls: {
      ca: readFileSync(files.caFile, 'utf8'),
      cert: readFileSync(files.certFile, 'utf8'),
      key: readFileSync(files.keyFile, 'utf8'),
    },
    userAgent: 'test',
    clock,
    logger: silentLogger,
  })
  transports.push(transport)
  return new ApiClient({ transport })
}

beforeAll(async () => {
  network = new TestNetwork()
  web = network.pod(2)
  client = network.pod(3)
  await web.listen('tcp', 8080, 'web')
  apiserver = await startTestApiserver()
  admin = clientOf(apiserver.admin)
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } }
  await admin.create(nodes, node)
  const identity = await apiserver.identity('system:node:node-1', ['system:nodes'])
  informers = new SharedInformers({
    client: clientOf(identity),
    clock,
    random,
    logger: silentLogger,
    selections: new Map([[resourceKey(nodes), { fieldSelector: 'metadata.name=node-1' }]]),
  })
  dnsPort = await freePort()
  healthPort = await freePort()
  running = startNodeNetwork({
    nodeName: 'node-1',
    informers,
    proxy: {
      mode: 'nftables',
      clusterCidrs: ['10.244.0.0/16'],
      nodePortAddresses: ['192.168.50.1/32'],
      masqueradeAll: false,
      masqueradeBit: 14,
      healthHosts: ['127.0.0.1'],
      healthListen: { host: '127.0.0.1', port: healthPort },
    },
    dns: {
      listen: { host: '127.0.0.1', port: dnsPort },
      clusterDomain: 'cluster.local',
      serverAddresses: ['10.96.0.10'],
      upstreams: [],
    },
    clock,
    random,
    processes: network.node.processes,
    logger: silentLogger,
    metrics: nodeMetrics(),
    searchPath: systemPath,
  })
  informers.start()
})

afterAll(async () => {
  await running.stop()
  informers.stop()
  for (const transport of transports) transport.close()
  await apiserver.close()
  network.remove()
})

describe('the network of a node, with the rights of a node', () => {
  it('leads to Services, answers their names and keeps to policies', async () => {
    const ports = [{ port: 80, protocol: 'TCP' }]
    await admin.create(services, serviceOf('web', { clusterIP: '10.96.0.99', ports }))
    await admin.create(endpointSlices, sliceOf('web', [endpointOf('10.244.1.2')]))
    const ask = (): Promise<string> => client.ask('tcp', '10.96.0.99', 80)
    await eventually('the Service answers', async () => (await ask()) === 'web 10.244.1.3')

    const resolver = new dns.Resolver({ timeout: 2000, tries: 1 })
    resolver.setServers([`127.0.0.1:${dnsPort}`])
    const resolve = () => resolver.resolve4('web.default.svc.cluster.local').catch(() => [])
    await eventually('its name is known', async () => (await resolve())[0] === '10.96.0.99')

    const health = await fetch(`http://127.0.0.1:${healthPort}/healthz`)
    expect([health.status, await health.json()]).toMatchObject([200, { nodeEligible: true }])

    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
      spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }] },
    }
    const created = await admin.create(pods, pod)
    const status = { phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }] }
    await admin.updateStatus(pods, { ...created, status })
    const policy: NetworkPolicy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'deny', namespace: 'default' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
    }
    await admin.create(networkPolicies, policy)
    await eventually('nobody is let in', async () => (await ask()) === 'timeout')
    await admin.delete(networkPolicies, { namespace: 'default', name: 'deny' })
    await eventually('everybody is let in', async () => (await ask()) === 'web 10.244.1.3')
  })

  it("leads the cluster's DNS address to its own server", () => {
    const map = network.node.exec('nft', '-n', 'list', 'map', 'ip', 'raftsman-proxy', 'service-ips')
    expect(map).toMatch(
      /10\.96\.0\.10 \. (17|udp) \. 53 : goto service-\w+\/kube-system\/raftsman-node-dns/,
    )
  })
})
