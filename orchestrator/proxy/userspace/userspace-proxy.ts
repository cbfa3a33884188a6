// The service proxy of one node, in user space: it needs no root, since every address of 127/8 can
// be bound on Linux. Counterpart: kube-proxy's former userspace mode.
//
// Several nodes on one machine want the same addresses, and one alone can have each. The first
// takes it; the others stand by and ask for it again, so that they have it within a second of the
// holder's death. It does not matter to clients who serves: all know the same backends. With a
// traffic policy of Local the holder serves its own node's backends, and only nodes that have some
// ask for the address. Connections come from 127.0.0.1 whoever makes them, so that ClientIP
// affinity binds all clients of the machine to one backend.

import type net from 'node:net'
import type { Clock, Timer } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Metrics } from '../../../platform/metrics.js'
import type { Random } from '../../../platform/random.js'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import type { Informer } from '../../client/informer.js'
import type { ServiceProxy } from '../service-proxy.js'
import type { NodePlace } from '../service-ports.js'
import { type BindFailure, ProxyListener } from './listener.js'
import { type ProxyRule, proxyRules, sameRule } from './rules.js'

export interface ProxyOptions {
  readonly place: () => NodePlace
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  /** Where node ports are opened. */
  readonly nodeAddresses: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly connectionsMax?: number
  readonly connectTimeoutMs?: number
}

const connectionsMaxDefault = 8192
const connectTimeoutMsDefault = 2000
/** Changes that come together are worked off together. */
const settleMs = 20
/** Each address that another holds is asked for this often, as long as that is not too much work. */
const standbyMs = 500
const standbyTriesPerSecondMax = 40
/** What this machine or user cannot bind is asked for again only now and then. */
const unbindableMs = 30_000

export class UserspaceProxy implements ServiceProxy {
  private readonly options: ProxyOptions
  private readonly listeners = new Map<string, ProxyListener>()
  /** Keys of listeners that another process holds, in the order in which they are asked for. */
  private readonly standby = new Set<string>()
  private readonly connections = new Set<net.Socket>()
  private readonly unsubscribe: (() => void)[] = []
  private applyTimer: Timer | null = null
  private standbyTimer: Timer | null = null
  private unbindableTimer: Timer | null = null
  private readonly unbindable = new Set<string>()
  private closed = false
  private readonly refused: { add(): void }
  private readonly open: { set(value: number): void }

  constructor(options: ProxyOptions) {
    this.options = options
    const { metrics } = options
    this.refused = metrics.counter('proxy_refused_connections_total', 'Connections not forwarded')
    this.open = metrics.gauge('proxy_open_connections', 'Connections being forwarded')
  }

  /** Both informers may be started before or after. */
  start(): void {
    const { services, endpointSlices } = this.options
    const changed = (): void => this.applySoon()
    const handlers = { onAdd: changed, onUpdate: changed, onDelete: changed }
    this.unsubscribe.push(services.addHandlers(handlers), endpointSlices.addHandlers(handlers))
    this.applySoon()
  }

  placeChanged(): void {
    this.applySoon()
  }

  /** Addresses served by this process. */
  get served(): readonly ProxyRule[] {
    return [...this.listeners.values()].filter(({ bound }) => bound).map(({ rule }) => rule)
  }

  stop(): Promise<void> {
    this.closed = true
    for (const off of this.unsubscribe) off()
    for (const timer of [this.applyTimer, this.standbyTimer, this.unbindableTimer]) timer?.cancel()
    for (const listener of this.listeners.values()) listener.close()
    this.listeners.clear()
    for (const socket of this.connections) socket.destroy()
    return Promise.resolve()
  }

  private applySoon(): void {
    if (this.applyTimer !== null || this.closed) return
    this.applyTimer = this.options.clock.setTimer(settleMs, () => {
      this.applyTimer = null
      this.apply()
    })
  }

  private apply(): void {
    const { services, endpointSlices, place, nodeAddresses } = this.options
    // Half of the picture would close what should stay open.
    if (!services.hasSynced || !endpointSlices.hasSynced) {
      void Promise.all([services.whenSynced(), endpointSlices.whenSynced()]).then(() =>
        this.applySoon(),
      )
      return
    }
    const rules = proxyRules(
      services.objects.list(),
      endpointSlices.objects.list(),
      place(),
      nodeAddresses,
    )
    for (const [key, listener] of this.listeners) {
      if (rules.has(key)) continue
      listener.close()
      this.listeners.delete(key)
      this.standby.delete(key)
      this.unbindable.delete(key)
    }
    for (const [key, rule] of rules) {
      const listener = this.listeners.get(key)
      if (listener === undefined) this.add(key, rule)
      else if (!sameRule(listener.rule, rule)) listener.update(rule)
    }
  }

  private add(key: string, rule: ProxyRule): void {
    const { clock, random, logger, connectTimeoutMs = connectTimeoutMsDefault } = this.options
    const listener = new ProxyListener(rule, random.integer(1000), {
      clock,
      connectTimeoutMs,
      admit: socket => this.admit(socket),
      onRefused: ({ service }, reason) => {
        this.refused.add()
        logger.debug({ service, reason }, 'connection not forwarded')
      },
    })
    this.listeners.set(key, listener)
    void this.bind(key, listener)
  }

  private async bind(key: string, listener: ProxyListener): Promise<void> {
    const { logger } = this.options
    const failure = await listener.bind()
    if (this.listeners.get(key) !== listener) return
    const { service } = listener.rule
    if (failure === null) {
      const tookOver = this.standby.delete(key)
      this.unbindable.delete(key)
      logger.info({ service, address: key, tookOver }, 'service address bound')
      // Its holder is gone, and what else it held is free too.
      if (tookOver) for (const other of this.standby) this.retry(other)
    } else if (failure === 'in-use') {
      this.standby.delete(key)
      this.standby.add(key)
      this.scheduleStandby()
    } else {
      this.postpone(key, listener, failure)
    }
  }

  private postpone(key: string, listener: ProxyListener, failure: BindFailure): void {
    const { logger, clock } = this.options
    const { service } = listener.rule
    this.standby.delete(key)
    if (!this.unbindable.has(key)) {
      const reason =
        failure === 'denied'
          ? 'this user may not bind it: ports below net.ipv4.ip_unprivileged_port_start need root'
          : 'the address is not one of this machine'
      logger.warn({ service, address: key, reason }, 'service address not bound')
    }
    this.unbindable.add(key)
    this.unbindableTimer ??= clock.setTimer(unbindableMs, () => {
      this.unbindableTimer = null
      for (const other of this.unbindable) this.retry(other)
    })
  }

  private retry(key: string): void {
    const listener = this.listeners.get(key)
    if (listener !== undefined && !listener.bound) void this.bind(key, listener)
  }

  /** One address a time, round robin, with jitter so that several that stand by take turns. */
  private scheduleStandby(): void {
    if (this.standbyTimer !== null || this.closed || this.standby.size === 0) return
    const { clock, random } = this.options
    const spacingMs = Math.max(standbyMs / this.standby.size, 1000 / standbyTriesPerSecondMax)
    this.standbyTimer = clock.setTimer(spacingMs * (0.75 + random.next() / 2), () => {
      this.standbyTimer = null
      const [key] = this.standby
      if (key === undefined) return
      this.retry(key)
      this.scheduleStandby()
    })
  }

  private admit(socket: net.Socket): boolean {
    const { connectionsMax = connectionsMaxDefault } = this.options
    if (this.closed || this.connections.size >= connectionsMax) {
      this.refused.add()
      return false
    }
    this.connections.add(socket)
    this.open.set(this.connections.size)
    socket.once('close', () => {
      this.connections.delete(socket)
      this.open.set(this.connections.size)
    })
    return true
  }
}
