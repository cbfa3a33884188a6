// The people who use the simulated cluster: they create, scale, change and delete, and drain nodes. They ask
// once and do not insist; what the cluster was told in the end is what it has to become.

import type { JsonObject, KubeObject } from '../../../orchestrator/api/object.js'
import type { ConfigMap } from '../../../orchestrator/api/types/core-config.js'
import type { Pod } from '../../../orchestrator/api/types/core-pod.js'
import { ApiError } from '../../../orchestrator/client/api-error.js'
import type { Resource } from '../../../orchestrator/client/resources.js'
import {
  configMaps,
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  namespaces,
  nodes,
  podDisruptionBudgets,
  pods,
  statefulSets,
} from '../../../orchestrator/client/resources.js'
import { ApiClient } from '../../../orchestrator/client/rest-client.js'
import type { ApiTransport } from '../../../orchestrator/client/transport.js'
import type { Random } from '../../../platform/random.js'
import { between, chance, pick, wholeBetween } from '../streams.js'
import type { Habit } from './habits.js'
import {
  cronJob,
  daemonSet,
  deployment,
  disruptionBudget,
  job,
  podTemplate,
  statefulSet,
} from './templates.js'

export interface UserOptions {
  /** Part of names that nobody else may give. */
  readonly name: string
  readonly transport: ApiTransport
  readonly random: Random
  readonly sleep: (ms: number) => Promise<void>
  /** Runs it as a step of the user's process. */
  readonly perform: (work: () => void) => void
  readonly nodes: readonly string[]
  /** What they do. */
  readonly habits: readonly Habit[]
  /** Pods ask for much of a node. */
  readonly crowded: boolean
  /** False once they have to leave it. */
  readonly asking: () => boolean
  /** They wait for what was broken to come to rest. */
  readonly waiting: () => boolean
  /** Nothing goes wrong any more. */
  readonly calm: () => boolean
  readonly thinkMsMax: () => number
  /** Pods that are to be evicted, and were not certainly refused to be. */
  readonly evicting: Set<string>
}

const drainTriesMax = 15
const drainPauseMs = 1_000
export const tallyName = 'tally'

export class User {
  asked = 0
  acknowledged = 0
  refused = 0
  unknown = 0
  private readonly options: UserOptions
  private readonly client: ApiClient
  private drained: string | null = null
  private counter = 0

  constructor(options: UserOptions) {
    this.options = options
    this.client = new ApiClient({ transport: options.transport, requestTimeoutMs: 8_000 })
  }

  /** `ended` once they have left it, with no node cordoned. */
  live(ended: () => void, broke: (error: unknown) => void): void {
    this.options.perform(() => {
      this.use().then(ended, broke)
    })
  }

  private async use(): Promise<void> {
    const { random, sleep, asking, waiting, thinkMsMax } = this.options
    for (;;) {
      await sleep(between(random, 0, thinkMsMax()))
      if (!asking()) break
      if (!waiting()) await this.act(this.habit())
    }
    while (this.drained !== null) {
      await this.uncordon()
      await sleep(1_000)
    }
  }

  /** Budgets bind those who drain, and are held against them where all is well: then they drain more. */
  private habit(): Habit {
    const { random, habits, calm } = this.options
    if (this.drains && calm() && chance(random, 0.5)) return 'drains'
    return pick(random, habits) ?? 'deployments'
  }

  private get drains(): boolean {
    return this.options.habits.includes('drains')
  }

  private async act(habit: Habit): Promise<void> {
    const { random, crowded } = this.options
    const namespace = chance(random, 0.8) ? 'default' : 'team'
    if (namespace === 'team') await this.keepNamespace()
    const at = (names: readonly string[]) => ({ namespace, name: pick(random, names) ?? '' })
    switch (habit) {
      case 'deployments': {
        const where = at(['web', 'api'])
        if (chance(random, this.drains ? 0.9 : 0.4)) await this.budget(where)
        return this.workload(deployments, where, () => deployment(where, random, crowded))
      }
      case 'statefulSets': {
        const where = at(['db', 'queue'])
        if (chance(random, this.drains ? 0.9 : 0.4)) await this.budget(where)
        return this.workload(statefulSets, where, () => statefulSet(where, random))
      }
      case 'daemonSets': {
        const where = at(['agent'])
        return this.workload(daemonSets, where, () => daemonSet(where))
      }
      case 'jobs':
        this.counter += 1
        await this.ask(() =>
          this.client.create(jobs, job(at([`job-${this.options.name}-${this.counter}`]), random)),
        )
        return
      case 'cronJobs': {
        const where = at(['tick', 'tock'])
        if (chance(random, 0.7)) await this.create(cronJobs, cronJob(where, random))
        else await this.delete(cronJobs, where)
        return
      }
      case 'drains':
        return this.drain()
      case 'pods':
        return this.deleteSomePod()
      case 'tallies':
        return this.count()
    }
  }

  /** There, then and now. */
  private async keepNamespace(): Promise<void> {
    if (chance(this.options.random, 0.1)) await this.delete(namespaces, { name: 'team' })
    else
      await this.create(namespaces, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'team' },
      })
  }

  private async workload(
    resource: Resource,
    at: { readonly namespace: string; readonly name: string },
    make: () => KubeObject,
  ): Promise<void> {
    const { random } = this.options
    const draw = random.next()
    if (draw < 0.4) await this.create(resource, make())
    else if (draw < 0.65 && resource !== daemonSets) {
      await this.patch(resource, at, { spec: { replicas: wholeBetween(random, 0, 5) } })
    } else if (draw < 0.85) {
      this.counter += 1
      const { spec } = podTemplate({ app: at.name, generation: this.counter })
      const containers = spec?.containers.map(({ name, env = [] }) => ({
        name,
        env: env.map(({ name: variable, value = '' }) => ({ name: variable, value })),
      }))
      await this.patch(resource, at, {
        spec: { template: { spec: { containers: containers ?? [] } } },
      })
    } else await this.delete(resource, at)
  }

  private async budget(at: { readonly namespace: string; readonly name: string }): Promise<void> {
    const { random } = this.options
    if (chance(random, 0.8)) await this.create(podDisruptionBudgets, disruptionBudget(at, random))
    else await this.delete(podDisruptionBudgets, at)
  }

  private async deleteSomePod(): Promise<void> {
    const listed = await this.ask(() => this.client.list(pods, { namespace: 'default' }))
    const pod = pick(this.options.random, listed?.items ?? [])
    if (pod === undefined) return
    const { namespace = '', name = '' } = pod.metadata
    await this.delete(pods, { namespace, name })
  }

  /** One more of what this user counts, in an object that all users read, change and write back. */
  private async count(): Promise<void> {
    const { name, random, sleep } = this.options
    const at = { namespace: 'default', name: tallyName }
    const read = await this.ask(() => this.client.get(configMaps, at))
    const tally: ConfigMap = read ?? { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: {} }
    await sleep(between(random, 0, 2_000))
    const data = { ...tally.data, [name]: String(Number(tally.data?.[name] ?? 0) + 1) }
    const counted: ConfigMap = { ...tally, data }
    if (read === null) await this.create(configMaps, counted)
    else await this.ask(() => this.client.update(configMaps, counted))
  }

  // ---- nodes ----

  private async drain(): Promise<void> {
    const { random, sleep } = this.options
    if (this.drained !== null) await this.uncordon()
    const name = pick(random, this.options.nodes) ?? ''
    this.drained = name
    await this.patch(nodes, { name }, { spec: { unschedulable: true } })
    for (let tries = 0; tries < drainTriesMax && this.options.asking(); tries += 1) {
      const listed = await this.ask(() =>
        this.client.listAll(pods, { fieldSelector: `spec.nodeName=${name}` }),
      )
      const left = (listed?.items ?? []).filter(
        ({ metadata }) =>
          metadata.deletionTimestamp === undefined &&
          metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet') !== true,
      )
      if (listed !== null && left.length === 0) break
      for (const pod of left) await this.evict(pod)
      await sleep(drainPauseMs)
    }
  }

  private async evict({ metadata: { namespace = '', name = '', uid = '' } }: Pod): Promise<void> {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } }
    const { evicting } = this.options
    evicting.add(uid)
    await this.ask(async () => {
      const { status } = await this.options.transport.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
        accept: 'application/json',
        contentType: 'application/json',
        body: JSON.stringify(body),
        timeoutMs: 8_000,
      })
      if (status >= 400 && status < 500) evicting.delete(uid)
      return status
    })
  }

  private async uncordon(): Promise<void> {
    const name = this.drained
    if (name === null) return
    const done = await this.patch(nodes, { name }, { spec: { unschedulable: null } })
    if (done) this.drained = null
  }

  // ---- requests ----

  private async create(resource: Resource, object: KubeObject): Promise<void> {
    await this.ask(() => this.client.create(resource, object))
  }

  private async delete(
    resource: Resource,
    at: { readonly namespace?: string; readonly name: string },
  ): Promise<void> {
    const propagationPolicy = chance(this.options.random, 0.7) ? 'Background' : 'Foreground'
    await this.ask(() => this.client.delete(resource, at, { propagationPolicy }))
  }

  private async patch(
    resource: Resource,
    at: { readonly namespace?: string; readonly name: string },
    patch: JsonObject,
  ): Promise<boolean> {
    return (await this.ask(() => this.client.patch(resource, at, 'strategic', patch))) !== null
  }

  /** Null where it was refused, or nobody knows. */
  private async ask<T>(work: () => Promise<T>): Promise<T | null> {
    this.asked += 1
    try {
      const answer = await work()
      this.acknowledged += 1
      return answer
    } catch (error) {
      if (error instanceof ApiError) this.refused += 1
      else this.unknown += 1
      return null
    }
  }
}
