// What is asked of scheduler and controllers through real API servers and stores, with nodes that run nothing.

import { isAlreadyExists } from '../../orchestrator/client/api-error.js'
import { HttpTransport } from '../../orchestrator/client/http-transport.js'
import { deployments, namespaces, nodes, pods } from '../../orchestrator/client/resources.js'
import { ApiClient } from '../../orchestrator/client/rest-client.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { MeasuredCluster } from '../apiserver/cluster.js'
import { type Figure, sleep } from '../apiserver/scenarios.js'
import { Histogram } from '../harness/histogram.js'
import { costOf } from '../harness/processes.js'
import { HollowNode, type Traffic } from './hollow-node.js'
import { countsBetween, RequestCounter } from './request-count.js'

export interface Settings {
  readonly cluster: MeasuredCluster
  readonly replicas: number
  readonly rolloutNodes: number
  readonly nodes: number
  readonly pods: number
  readonly seconds: number
  readonly say: (text: string) => void
  /** A CPU profile of every process, of each of the two parts of `rollout`. */
  readonly profile: boolean
}

const namespace = 'bench'
const parts = ['store', 'apiserver', 'controllers'] as const
const startsAtATime = 32
const patienceMs = 900_000
const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

/** Connections that nodes share, to the masters in turn. */
const transportsCount = 12

class Nodes {
  readonly traffic: Traffic = {
    renewals: 0,
    reports: 0,
    podStatuses: 0,
    failed: 0,
    renewalLatencies: new Histogram(),
  }
  readonly transports: readonly HttpTransport[]
  readonly #nodes: HollowNode[] = []

  constructor(cluster: MeasuredCluster) {
    this.transports = Array.from(
      { length: transportsCount },
      (_, at) =>
        new HttpTransport({
          servers: cluster.apiservers(at),
          tls: cluster.identity(),
          userAgent: 'bench-nodes',
          clock: nodeClock(),
          logger: silentLogger,
        }),
    )
  }

  clientOf(at: number): ApiClient {
    const transport = this.transports[at % transportsCount]
    if (transport === undefined) throw new Error('there are transports')
    return new ApiClient({ transport })
  }

  async start(count: number, podsMax: number): Promise<void> {
    await inTurn(count, async at => {
      const node = new HollowNode({
        client: this.clientOf(at),
        clock: nodeClock(),
        random: nodeRandom(),
        name: `hollow-${at}`,
        podsMax,
        traffic: this.traffic,
      })
      await node.start()
      this.#nodes.push(node)
    })
  }

  stop(): void {
    for (const node of this.#nodes) node.stop()
    for (const transport of this.transports) transport.close()
  }
}

async function inTurn(count: number, one: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: startsAtATime }, async () => {
      while (next < count) {
        const at = next
        next += 1
        await one(at)
      }
    }),
  )
}

function deploymentOf(replicas: number, image: string) {
  const labels = { app: 'rollout' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'rollout' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            { name: 'main', image, resources: { requests: { cpu: '10m', memory: '16Mi' } } },
          ],
        },
      },
    },
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`)
    await sleep(200)
  }
}

const cpuOf = (cluster: MeasuredCluster): readonly number[] =>
  parts.map(part =>
    cluster.processesOf(part).reduce((sum, { pid }) => sum + (costOf(pid)?.cpuSeconds ?? 0), 0),
  )

const cpuBetween = (before: readonly number[], after: readonly number[], each: number) =>
  Object.fromEntries(
    parts.map((part, at) => [part, round(((after[at] ?? 0) - (before[at] ?? 0)) / each, 3)]),
  )

/** A Deployment is created, and given another image: pods a second until all are available. */
export async function rollout(settings: Settings): Promise<readonly Figure[]> {
  const { cluster, replicas, rolloutNodes, profile } = settings
  const hollow = new Nodes(cluster)
  const client = hollow.clientOf(0)
  const requests = await RequestCounter.open(cluster)
  const perNode = Math.ceil((replicas * 1.5) / rolloutNodes)
  await hollow.start(rolloutNodes, perNode)
  const name = { namespace, name: 'rollout' }
  const figures: Figure[] = []
  const measured = async (
    what: string,
    change: () => Promise<unknown>,
    done: () => Promise<boolean>,
  ) => {
    const before = cpuOf(cluster)
    const asked = await requests.read()
    const startedMs = performance.now()
    if (profile) cluster.toggleProfiles()
    await change()
    await until(what, done)
    const seconds = (performance.now() - startedMs) / 1_000
    const after = cpuOf(cluster)
    if (profile) await cluster.saveProfiles(what)
    const { ended } = cluster
    if (ended.length > 0) {
      throw new Error(`ended in the middle of it: ${ended.join(', ')}\n${cluster.logs(200)}`)
    }
    figures.push({
      name: what,
      value: round(replicas / seconds, 0),
      unit: 'pods/s',
      detail: {
        replicas,
        nodes: rolloutNodes,
        seconds: round(seconds),
        cpuMsAPod: cpuBetween(before, after, replicas / 1_000),
        requestsAPod: countsBetween(asked, await requests.read(), replicas),
        failedOfNodes: hollow.traffic.failed,
      },
    })
  }
  /** Of what was asked for last; empty until the controller has seen that. */
  const status = async () => {
    const { metadata, status: told = {} } = await client.get(deployments, name)
    return (told.observedGeneration ?? 0) >= (metadata.generation ?? 0) ? told : {}
  }
  await measured(
    'rollout-created',
    () => client.create(deployments, deploymentOf(replicas, 'example.com/web:1')),
    async () => ((await status()).availableReplicas ?? 0) >= replicas,
  )
  await measured(
    'rollout-updated',
    async () => {
      const image = [{ name: 'main', image: 'example.com/web:2' }]
      const patch = { spec: { template: { spec: { containers: image } } } }
      await client.patch(deployments, name, 'strategic', patch)
    },
    async () => {
      const { updatedReplicas = 0, availableReplicas = 0, replicas: all = 0 } = await status()
      return updatedReplicas >= replicas && availableReplicas >= replicas && all === replicas
    },
  )
  await client.delete(deployments, name, { propagationPolicy: 'Background' })
  await until(
    'the end of the pods',
    async () => (await client.list(pods, { namespace, limit: 1 })).items.length === 0,
  )
  await client.deleteCollection(nodes)
  requests.close()
  hollow.stop()
  return figures
}

/** Many nodes with pods, which do what nodes do at rest. */
export async function traffic(settings: Settings): Promise<readonly Figure[]> {
  const { cluster, seconds, say } = settings
  const hollow = new Nodes(cluster)
  const startedMs = performance.now()
  await hollow.start(settings.nodes, 110)
  say(`${settings.nodes} nodes after ${round((performance.now() - startedMs) / 1_000)} s`)
  await inTurn(settings.pods, async at => {
    const nodeName = `hollow-${at % settings.nodes}`
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: `pod-${at}`, labels: { app: `app-${at % 100}` } },
      spec: { nodeName, containers: [{ name: 'main', image: 'example.com/web:1' }] },
    }
    await until(`pod ${at}`, async () => {
      const client = hollow.clientOf(at)
      return await client.create(pods, pod).then(() => true, isAlreadyExists)
    })
  })
  await until('statuses of the pods', async () =>
    Promise.resolve(hollow.traffic.podStatuses >= settings.pods),
  )
  say(`${settings.pods} pods after ${round((performance.now() - startedMs) / 1_000)} s`)
  // What the filling left behind has settled.
  await sleep(30_000)
  const { traffic: told } = hollow
  const renewalsBefore = told.renewals
  const failedBefore = told.failed
  const own = process.cpuUsage()
  const before = cpuOf(cluster)
  await sleep(seconds * 1_000)
  const after = cpuOf(cluster)
  const used = process.cpuUsage(own)
  const { items } = await hollow.clientOf(0).listAll(nodes)
  const ready = items.filter(node =>
    node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  ).length
  const mebibytes = (part: string): number[] =>
    cluster
      .processesOf(part)
      .map(({ pid }) => Math.round((costOf(pid)?.residentBytes ?? 0) / 2 ** 20))
  const figure: Figure = {
    name: 'traffic',
    value: round((told.renewals - renewalsBefore) / seconds),
    unit: 'renewals/s',
    detail: {
      nodes: settings.nodes,
      pods: settings.pods,
      nodesReady: ready,
      failed: told.failed - failedBefore,
      renewalP50Ms: round(told.renewalLatencies.percentileMicros(0.5) / 1_000),
      renewalP99Ms: round(told.renewalLatencies.percentileMicros(0.99) / 1_000),
      coresOfMasters: cpuBetween(before, after, seconds),
      coresOfNodes: round((used.user + used.system) / 1e6 / seconds, 3),
      mebibytes: Object.fromEntries(parts.map(part => [part, mebibytes(part)])),
    },
  }
  hollow.stop()
  return [figure]
}

export async function prepare({ cluster }: Settings): Promise<void> {
  const hollow = new Nodes(cluster)
  await hollow.clientOf(0).create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  // Its service account is there.
  await sleep(2_000)
  hollow.stop()
}
