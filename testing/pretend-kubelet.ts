// The kubelet of a machine that pretends: it registers its node, renews its Lease, has the pods bound to it
// run, reports what became of them, and lets deleted ones go. Everything through the API, as a kubelet does.
// Level-based: whatever could not be said is said at the next look.

import type { Node } from '../orchestrator/api/types/core-node.js'
import type { Pod } from '../orchestrator/api/types/core-pod.js'
import { isNotFound } from '../orchestrator/client/api-error.js'
import { Informer } from '../orchestrator/client/informer.js'
import { leases, nodes, pods } from '../orchestrator/client/resources.js'
import type { ApiClient } from '../orchestrator/client/rest-client.js'
import { formatMicroTime, formatTime } from '../orchestrator/client/timestamps.js'
import type { Clock, Timer } from '../platform/clock.js'
import { silentLogger } from '../platform/logger.js'
import type { Random } from '../platform/random.js'
import type { PretendMachine } from './pretend-machine.js'
import { isTerminal, restarts, statusToReport } from './pretend-pod.js'

export interface PretendKubeletOptions {
  readonly machine: PretendMachine
  /** Authenticated as system:node:NAME of system:nodes. */
  readonly client: ApiClient
  /** Of the kubelet's process. */
  readonly clock: Clock
  readonly random: Random
  readonly labels?: Readonly<Record<string, string>>
}

const leaseNamespace = 'kube-node-lease'
const heartbeatMs = 10_000
/** Until the node is there, and whatever could not be said. */
const lookMs = 1_000
const leaseSeconds = 40

export class PretendKubelet {
  readonly #options: PretendKubeletOptions
  readonly #informer: Informer<Pod>
  readonly #timers: Timer[] = []
  /** Pods that something is said of just now. */
  readonly #saying = new Set<string>()
  #heartbeatMs = Number.NEGATIVE_INFINITY
  #beating = false
  #stopped = false

  constructor(options: PretendKubeletOptions) {
    this.#options = options
    const { client, clock, random, machine } = options
    this.#informer = new Informer({
      client,
      resource: pods,
      clock,
      random,
      logger: silentLogger,
      selection: { fieldSelector: `spec.nodeName=${machine.name}` },
    })
  }

  start(): void {
    const { machine, clock } = this.#options
    const see = (pod: Pod) => this.#sync(pod)
    this.#informer.addHandlers({
      onAdd: see,
      onUpdate: see,
      onDelete: ({ metadata }) => machine.remove(metadata.uid ?? ''),
    })
    machine.onChange = uid => this.#look(uid)
    this.#informer.start()
    void this.#informer.whenSynced().then(() => this.#removeOrphans())
    this.#timers.push(clock.setTicker(lookMs, () => this.#tick()))
    this.#tick()
  }

  /** As if its process was killed: what runs goes on running. */
  stop(): void {
    this.#stopped = true
    this.#options.machine.onChange = () => {}
    this.#informer.stop()
    for (const timer of this.#timers) timer.cancel()
  }

  /** What ran for pods that are gone by now. */
  #removeOrphans(): void {
    if (this.#stopped) return
    const wanted = new Set(this.#informer.objects.list().map(({ metadata }) => metadata.uid))
    const { machine } = this.#options
    for (const uid of machine.containers.keys()) if (!wanted.has(uid)) machine.remove(uid)
  }

  #tick(): void {
    const { clock } = this.#options
    if (clock.monotonicMs() - this.#heartbeatMs >= heartbeatMs && !this.#beating) {
      this.#beating = true
      this.#heartbeat().then(
        () => {
          this.#beating = false
          this.#heartbeatMs = clock.monotonicMs()
        },
        () => {
          this.#beating = false
        },
      )
    }
    for (const pod of this.#informer.objects.list()) this.#sync(pod)
  }

  #look(uid: string): void {
    const pod = this.#informer.objects.list().find(({ metadata }) => metadata.uid === uid)
    if (pod !== undefined) this.#sync(pod)
  }

  #sync(pod: Pod): void {
    if (this.#stopped) return
    const { machine, clock } = this.#options
    const { uid = '', deletionTimestamp } = pod.metadata
    const container = machine.containers.get(uid)
    const deleted = deletionTimestamp !== undefined
    if (container === undefined) {
      if (deleted) this.#say(pod, () => this.#letGo(pod))
      else if (!isTerminal(pod.status?.phase)) this.#begin(pod)
      return
    }
    if (deleted && container.state !== 'exited') {
      machine.stop(uid)
      return
    }
    if (container.state === 'exited' && restarts(pod, container)) {
      machine.run(pod, container.restarts + 1)
      return
    }
    const status = statusToReport(pod, container, machine.address, clock.wallMs())
    if (status !== null && !isTerminal(pod.status?.phase))
      this.#say(pod, () => this.#report(pod, status))
    else if (deleted) this.#say(pod, () => this.#letGo(pod))
  }

  /** A pod that ran before a power cut has been restarted, or has failed, by the rules of its pod. */
  #begin(pod: Pod): void {
    const { machine } = this.#options
    const ran = pod.status?.phase === 'Running'
    const restartCount = pod.status?.containerStatuses?.[0]?.restartCount ?? 0
    if (ran && pod.spec.restartPolicy === 'Never') {
      const status = { ...pod.status, phase: 'Failed', reason: 'NodeLost' }
      this.#say(pod, () => this.#report(pod, status))
      return
    }
    machine.run(pod, ran ? restartCount + 1 : restartCount)
  }

  #say(pod: Pod, work: () => Promise<unknown>): void {
    const { uid = '' } = pod.metadata
    if (this.#saying.has(uid)) return
    this.#saying.add(uid)
    const done = () => {
      this.#saying.delete(uid)
    }
    work().then(done, done)
  }

  #report(pod: Pod, status: NonNullable<Pod['status']>): Promise<unknown> {
    return this.#options.client.updateStatus(pods, { ...pod, status })
  }

  #letGo(pod: Pod): Promise<unknown> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    return this.#options.client.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 })
  }

  // ---- the node itself ----

  async #heartbeat(): Promise<void> {
    const { client, machine, clock } = this.#options
    const node = await client
      .get(nodes, { name: machine.name })
      .catch((error: unknown) => (isNotFound(error) ? this.#register() : Promise.reject(error)))
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
    if (ready?.status !== 'True') await this.#reportNode(node)
    const renewTime = formatMicroTime(clock.wallMs())
    const at = { namespace: leaseNamespace, name: machine.name }
    await client
      .patch(leases, at, 'merge', { spec: { renewTime } })
      .catch((error: unknown) =>
        isNotFound(error) ? this.#createLease(node, renewTime) : Promise.reject(error),
      )
  }

  #register(): Promise<Node> {
    const { client, machine, labels = {} } = this.#options
    return client.create(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: machine.name,
        labels: { 'kubernetes.io/hostname': machine.name, ...labels },
      },
    })
  }

  #reportNode(node: Node): Promise<unknown> {
    const { client, machine, clock } = this.#options
    const now = formatTime(clock.wallMs())
    const amounts = { cpu: '4', memory: '8Gi', pods: '110' }
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      message: 'it pretends',
      lastTransitionTime: now,
      lastHeartbeatTime: now,
    }
    const others = (node.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
    return client.updateStatus(nodes, {
      ...node,
      status: {
        ...node.status,
        capacity: amounts,
        allocatable: amounts,
        addresses: [{ type: 'InternalIP', address: machine.address }],
        conditions: [...others, ready],
      },
    })
  }

  #createLease(node: Node, renewTime: string): Promise<unknown> {
    const { client, machine } = this.#options
    const { name } = machine
    return client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        namespace: leaseNamespace,
        name,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' }],
      },
      spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
    })
  }
}
