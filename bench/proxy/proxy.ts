// How long the kernel's rules take to follow: all of them from nothing, and one endpoint that changes. In a network
// namespace of its own, with the real nft; from the event of the informer until nft has ended. Beside each change an
// nft that changes next to nothing in a table of its own: what this machine takes at least, at that time.
//
//   npm run build && sudo node dist/bench/proxy/proxy.js
//
// Options: --services 1000 --endpoints 10 --changes 50. Prints JSON: {machine, commit, figures}.

import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../cli/testing/local-cluster.js'
import type { Service } from '../../orchestrator/api/types/core-service.js'
import type { EndpointSlice } from '../../orchestrator/api/types/discovery.js'
import { endpointSlices, services } from '../../orchestrator/client/resources.js'
import { KernelTable } from '../../orchestrator/nftables/nft.js'
import type { NftTable } from '../../orchestrator/nftables/table.js'
import { Namespace, systemPath } from '../../orchestrator/nftables/testing/network-namespaces.js'
import { NftablesProxy } from '../../orchestrator/proxy/nftables/nftables-proxy.js'
import { endpointOf, serviceOf, sliceOf } from '../../orchestrator/proxy/testing/objects.js'
import { ScriptedApi } from '../../orchestrator/proxy/testing/scripted-api.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { Histogram } from '../harness/histogram.js'
import { machineOf } from '../harness/machine.js'

const { values: flags } = parseArgs({
  options: {
    services: { type: 'string', default: '1000' },
    endpoints: { type: 'string', default: '10' },
    changes: { type: 'string', default: '50' },
  },
})
const [serviceCount = 0, endpointCount = 0, changeCount = 0] = [
  flags.services,
  flags.endpoints,
  flags.changes,
].map(Number)

const nameOf = (service: number): string => `service-${service}`
const addressOf = (number: number): string =>
  `10.${100 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`

const someService = (service: number): Service =>
  serviceOf(nameOf(service), {
    clusterIP: `10.96.${service >> 8}.${service & 255}`,
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  })

/** `change` moves the first endpoint to another address. */
function someSlice(service: number, change: number): EndpointSlice {
  const endpoints = Array.from({ length: endpointCount }, (_, endpoint) =>
    endpointOf(
      endpoint === 0 && change > 0
        ? addressOf(1_000_000 + change)
        : addressOf(service * endpointCount + endpoint),
      { nodeName: `node-${endpoint}` },
    ),
  )
  return sliceOf(nameOf(service), endpoints, { ports: [{ name: 'http', port: 8080 }] })
}

const smallTable = (change: number): NftTable => ({
  family: 'ip',
  name: 'raftsman-floor',
  sets: new Map([
    [
      'floor',
      {
        kind: 'set',
        declaration: 'type ipv4_addr;',
        elements: new Map([[addressOf(change), '']]),
      },
    ],
  ]),
  chains: new Map(),
})

async function measure(namespace: Namespace) {
  const clock = nodeClock()
  const api = new ScriptedApi(
    new Map<string, readonly (Service | EndpointSlice)[]>([
      ['services', Array.from({ length: serviceCount }, (_, at) => someService(at))],
      ['endpointslices', Array.from({ length: serviceCount }, (_, at) => someSlice(at, 0))],
    ]),
  )
  let whenSynced = (): void => {}
  const parts = {
    clock,
    random: nodeRandom(),
    processes: namespace.processes,
    logger: silentLogger,
    metrics: deafMetrics,
    searchPath: systemPath,
  }
  const proxy = new NftablesProxy({
    ...parts,
    place: () => ({ nodeName: 'node-1', zone: null }),
    services: await api.informer(services),
    endpointSlices: await api.informer(endpointSlices),
    families: ['IPv4'],
    config: {
      clusterCidrs: ['10.100.0.0/14'],
      nodePortAddresses: ['192.168.0.0/16'],
      masqueradeAll: false,
      masqueradeBit: 14,
    },
    observer: { queued() {}, synced: () => whenSynced() },
  })
  const synced = (begin: () => void): Promise<number> => {
    const beganMs = clock.monotonicMs()
    return new Promise(resolve => {
      whenSynced = () => resolve(clock.monotonicMs() - beganMs)
      begin()
    })
  }
  const fullSyncMs = await synced(() => proxy.start())
  const latencies = new Histogram()
  const floor = new Histogram()
  const smallest = new KernelTable(parts)
  for (let change = 1; change <= changeCount; change += 1) {
    const slice = someSlice((change * 7919) % serviceCount, change)
    latencies.record((await synced(() => api.put('endpointslices', slice))) * 1000)
    const beganMs = clock.monotonicMs()
    await smallest.apply(smallTable(change))
    floor.record((clock.monotonicMs() - beganMs) * 1000)
    // As between changes of a cluster, and longer than the rest that a proxy takes.
    await new Promise<void>(resolve => clock.setTimer(200, resolve))
  }
  await proxy.stop()
  api.close()
  return {
    services: serviceCount,
    endpointsPerService: endpointCount,
    fullSyncMs: Math.round(fullSyncMs),
    changes: changeCount,
    changeP50Ms: latencies.percentileMicros(0.5) / 1000,
    changeP99Ms: latencies.percentileMicros(0.99) / 1000,
    changeMaxMs: latencies.maxMicros / 1000,
    floorP50Ms: floor.percentileMicros(0.5) / 1000,
    floorP99Ms: floor.percentileMicros(0.99) / 1000,
  }
}

const namespace = new Namespace('bench')
try {
  const figures = await measure(namespace)
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' })
  const report = { machine: machineOf(tmpdir()), commit: commit.trim(), figures }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
} finally {
  namespace.remove()
}
