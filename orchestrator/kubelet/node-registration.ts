// Keeps the Node object and its Lease alive. Counterpart: the kubelet's registration, its node
// status loop (looks every 10 s, writes on change or every 5 minutes) and its lease controller.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Files } from '../../platform/files.js'
import type { Logger } from '../../platform/logger.js'
import type { Lease } from '../api/types/coordination.js'
import type { Node, NodeStatus } from '../api/types/core-node.js'
import { isAlreadyExists, isConflict, isNotFound } from '../client/api-error.js'
import type { EventRecorder } from '../client/event-recorder.js'
import { leases, nodes } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { formatMicroTime } from '../client/timestamps.js'
import { readMachineLoad } from './machine.js'
import { turnsOf } from './node-events.js'
import {
  newNode,
  nodeAnnotations,
  type NodeDescription,
  nodeLabels,
  nodeStatus,
  sameNodeStatus,
} from './node-status.js'

export interface NodeRegistrationOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly files: Files
  readonly logger: Logger
  /** As it is now. */
  readonly description: () => NodeDescription
  readonly dataDirectory: string
  /** Told every state of the Node that passes by. */
  readonly onNode: (node: Node) => void
  readonly recorder: EventRecorder
}

const lookMs = 10_000
/** Retried sooner while the API server cannot be reached or the node has no pod CIDR. */
const urgentMs = 1000
const reportMs = 300_000
const leaseSeconds = 40
const leaseNamespace = 'kube-node-lease'

export class NodeRegistration {
  private readonly options: NodeRegistrationOptions
  private notReady: string | null = 'the node process is starting'
  private timers: Timer[] = []
  private reportedAtMs = Number.NEGATIVE_INFINITY
  private lease: Lease | null = null
  private closed = false
  private reporting: Promise<void> | null = null
  private reportAgain = false
  private begun = false

  constructor(options: NodeRegistrationOptions) {
    this.options = options
  }

  start(): void {
    void this.loop('node status', lookMs, () => this.report())
    void this.loop('node lease', lookMs, () => this.renew())
  }

  /** `reason` says why pods cannot run here; null when they can. Reported at once. */
  setNotReady(reason: string | null): void {
    if (this.notReady === reason) return
    this.notReady = reason
    this.report().catch((error: unknown) => {
      this.options.logger.warn({ error: String(error) }, 'node status not written')
    })
  }

  close(): void {
    this.closed = true
    for (const timer of this.timers) timer.cancel()
  }

  private async loop(what: string, periodMs: number, action: () => Promise<void>): Promise<void> {
    let nextMs = periodMs
    try {
      await action()
      if (this.notReady !== null) nextMs = urgentMs
    } catch (error) {
      if (this.closed) return
      this.options.logger.warn({ error: String(error) }, `${what} not written`)
      nextMs = urgentMs
    }
    if (this.closed) return
    const timer = this.options.clock.setTimer(nextMs, () => {
      this.timers = this.timers.filter(other => other !== timer)
      void this.loop(what, periodMs, action)
    })
    this.timers.push(timer)
  }

  /** One report at a time; a call during one makes it look once more. */
  private report(): Promise<void> {
    if (this.reporting !== null) {
      this.reportAgain = true
      return this.reporting
    }
    this.reporting = this.reportUntilQuiet().finally(() => {
      this.reporting = null
    })
    return this.reporting
  }

  private async reportUntilQuiet(): Promise<void> {
    do {
      this.reportAgain = false
      await this.reportOnce()
    } while (this.reportAgain && !this.closed)
  }

  private async reportOnce(): Promise<void> {
    const { client, clock, files, dataDirectory, onNode } = this.options
    const description = this.options.description()
    const node = await this.registered()
    onNode(node)
    const load = await readMachineLoad(files, dataDirectory)
    const status = nodeStatus(description, node.status, load, this.notReady, clock.wallMs())
    const nowMs = clock.monotonicMs()
    const due = nowMs - this.reportedAtMs >= reportMs
    if (!due && sameNodeStatus(node.status, status)) return
    try {
      await client.updateStatus(nodes, { ...node, status })
      this.reportedAtMs = nowMs
      this.tell(node, status)
    } catch (error) {
      if (!isConflict(error)) throw error
      this.reportAgain = true
    }
  }

  private tell(node: Node, { conditions = [] }: NodeStatus): void {
    const { recorder, description } = this.options
    if (!this.begun) recorder.record(node, 'Normal', 'Starting', 'Starting kubelet.')
    this.begun = true
    for (const reason of turnsOf(node.status?.conditions ?? [], conditions)) {
      const text = `Node ${description().name} status is now: ${reason}`
      recorder.record(node, 'Normal', reason, text)
    }
  }

  /** The Node with our labels and annotations, created if need be. */
  private async registered(): Promise<Node> {
    const { client, description } = this.options
    const { name } = description()
    let node: Node
    try {
      node = await client.get(nodes, { name })
    } catch (error) {
      if (!isNotFound(error)) throw error
      try {
        return await client.create(nodes, newNode(description()))
      } catch (failure) {
        if (!isAlreadyExists(failure)) throw failure
        node = await client.get(nodes, { name })
      }
    }
    const labels = nodeLabels(description())
    const annotations = nodeAnnotations(description())
    if (holds(node.metadata.labels, labels) && holds(node.metadata.annotations, annotations)) {
      return node
    }
    return client.patch(nodes, { name }, 'merge', { metadata: { labels, annotations } })
  }

  private async renew(): Promise<void> {
    const { client, clock, description } = this.options
    const { name } = description()
    const at = { namespace: leaseNamespace, name }
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: leaseSeconds,
      renewTime: formatMicroTime(clock.wallMs()),
    }
    try {
      this.lease ??= await client.get(leases, at)
      this.lease = await client.update(leases, {
        ...this.lease,
        spec: { ...this.lease.spec, ...spec },
      })
    } catch (error) {
      this.lease = null
      if (isConflict(error)) return this.renew()
      if (!isNotFound(error)) throw error
      const node = await client.get(nodes, { name })
      const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' }
      this.lease = await client.create(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { ...at, ownerReferences: [owner] },
        spec,
      })
    }
  }
}

const holds = (
  given: { readonly [key: string]: string } = {},
  wanted: { readonly [key: string]: string },
): boolean => Object.entries(wanted).every(([key, value]) => given[key] === value)
