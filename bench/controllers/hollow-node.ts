// A node that runs nothing, and talks to the API like one that does: a Lease every ten seconds, its status every five
// minutes, a watch on its pods, whose status it writes once, and which it lets go when they are deleted. Counterpart:
// kubemark's hollow nodes.

import type { Clock, Timer } from '../../platform/clock.js'
import { silentLogger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { Lease } from '../../orchestrator/api/types/coordination.js'
import type { Node } from '../../orchestrator/api/types/core-node.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { isAlreadyExists } from '../../orchestrator/client/api-error.js'
import { Informer } from '../../orchestrator/client/informer.js'
import { leases, nodes, objectKey, pods } from '../../orchestrator/client/resources.js'
import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { formatMicroTime, formatTime } from '../../orchestrator/client/timestamps.js'
import { runWorkers, WorkQueue } from '../../orchestrator/client/work-queue.js'
import type { Histogram } from '../harness/histogram.js'

export interface HollowNodeOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly name: string
  /** Pods that it has room for. */
  readonly podsMax: number
  /** Of all nodes together. */
  readonly traffic: Traffic
}

/** What nodes have asked for, and how long they waited for it. */
export interface Traffic {
  renewals: number
  reports: number
  podStatuses: number
  failed: number
  readonly renewalLatencies: Histogram
}

const renewMs = 10_000
const reportMs = 300_000
/** Workers of a node. */
const podsAtATime = 4
const leaseNamespace = 'kube-node-lease'
const heartbeatTypes = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'] as const

const registrationsMax = 20
const registerAgainMs = 2_000

/** What an attempt before has made whose answer was lost is there. */
async function madeOnce(creation: Promise<unknown>): Promise<void> {
  try {
    await creation
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

export class HollowNode {
  readonly #options: HollowNodeOptions
  readonly #informer: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #timers: Timer[] = []
  #node: Node | null = null
  #lease: Lease | null = null
  #addresses = 0
  #stopped = false

  constructor(options: HollowNodeOptions) {
    this.#options = options
    const { client, clock, random, name } = options
    this.#informer = new Informer({
      client,
      resource: pods,
      clock,
      random,
      logger: silentLogger,
      selection: { fieldSelector: `spec.nodeName=${name}` },
    })
    this.#queue = new WorkQueue({ clock, retryFirstMs: 200, retryMaxMs: 10_000 })
    this.#informer.addHandlers({
      onAdd: one => this.#queue.add(objectKey(one)),
      onUpdate: one => this.#queue.add(objectKey(one)),
    })
    runWorkers(this.#queue, podsAtATime, {
      work: key => this.#serve(key),
      onError: () => this.#failed(),
    })
  }

  /** Resolves once the node is registered and its pods are watched. */
  async start(): Promise<void> {
    const { clock, random } = this.#options
    for (let attempt = 1; !(await this.#registered(attempt)); attempt++) {
      await new Promise<void>(resolve => {
        clock.setTimer(registerAgainMs, resolve)
      })
    }
    this.#informer.start()
    await this.#informer.whenSynced()
    // Nodes began at different times.
    this.#after(random.next() * renewMs, () => void this.#renew())
    this.#after(random.next() * reportMs, () => void this.#report())
  }

  /** As a kubelet: again and again while an API server has no time. */
  async #registered(attempt: number): Promise<boolean> {
    try {
      await this.#register()
      return true
    } catch (error) {
      this.#failed()
      if (attempt === registrationsMax) throw error
      return false
    }
  }

  async #register(): Promise<void> {
    const { client, clock, name } = this.#options
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' }
    await madeOnce(
      client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } }),
    )
    const { uid = '' } = (await this.#writeStatus()).metadata
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }]
    await madeOnce(
      client.create(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: leaseNamespace, name, ownerReferences },
        spec: {
          holderIdentity: name,
          leaseDurationSeconds: 40,
          renewTime: formatMicroTime(clock.wallMs()),
        },
      }),
    )
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#informer.stop()
    this.#queue.stop()
  }

  #after(delayMs: number, what: () => void): void {
    if (!this.#stopped) this.#timers.push(this.#options.clock.setTimer(delayMs, what))
  }

  async #renew(): Promise<void> {
    const { client, clock, name, traffic } = this.#options
    const startedMs = clock.monotonicMs()
    this.#after(renewMs, () => void this.#renew())
    try {
      const lease = this.#lease ?? (await client.get(leases, { namespace: leaseNamespace, name }))
      const spec = { ...lease.spec, renewTime: formatMicroTime(clock.wallMs()) }
      this.#lease = await client.update(leases, { ...lease, spec })
      traffic.renewals += 1
      traffic.renewalLatencies.record((clock.monotonicMs() - startedMs) * 1_000)
    } catch {
      this.#lease = null
      this.#failed()
    }
  }

  async #report(): Promise<void> {
    const { traffic } = this.#options
    this.#after(reportMs, () => void this.#report())
    try {
      await this.#writeStatus()
      traffic.reports += 1
    } catch {
      this.#failed()
    }
  }

  async #serve(key: string): Promise<void> {
    const { client, clock, traffic } = this.#options
    const pod = this.#informer.objects.get(key)
    if (pod === undefined) return
    const { namespace = '', name = '', uid = '' } = pod.metadata
    if (pod.metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 })
      return
    }
    if (pod.status?.phase !== 'Pending') return
    const since = formatTime(clock.wallMs())
    this.#addresses += 1
    const podIP = `10.${(this.#addresses >> 16) & 255}.${(this.#addresses >> 8) & 255}.${this.#addresses & 255}`
    const own = ['Initialized', 'Ready', 'ContainersReady'].map(type => ({
      type,
      status: 'True',
      lastTransitionTime: since,
    }))
    const others = (pod.status.conditions ?? []).filter(({ type }) => type === 'PodScheduled')
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], startTime: since }
    await client.updateStatus(pods, {
      ...pod,
      status: { ...pod.status, ...status, conditions: [...others, ...own] },
    })
    traffic.podStatuses += 1
  }

  /** A patch, as a kubelet's: others write to the Node too. */
  async #writeStatus(): Promise<Node> {
    const { client, name } = this.#options
    const patch = { status: this.#status() }
    const options = { subresource: 'status' } as const
    this.#node = await client.patch(nodes, { name }, 'strategic', patch, options)
    return this.#node
  }

  #failed(): void {
    if (!this.#stopped) this.#options.traffic.failed += 1
  }

  #status() {
    const { clock, podsMax } = this.#options
    const now = formatTime(clock.wallMs())
    const amounts = { cpu: '32', memory: '128Gi', pods: String(podsMax) }
    const before = this.#node?.status?.conditions ?? []
    return {
      capacity: amounts,
      allocatable: amounts,
      conditions: heartbeatTypes.map(type => ({
        type,
        status: type === 'Ready' ? 'True' : 'False',
        reason: 'Kubelet',
        message: 'as every five minutes',
        lastHeartbeatTime: now,
        lastTransitionTime: before.find(one => one.type === type)?.lastTransitionTime ?? now,
      })),
    }
  }
}
