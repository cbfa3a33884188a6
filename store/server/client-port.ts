// The port that clients reach: links become sessions, calls of gRPC go to etcd's services, plain HTTP
// becomes health and metrics. It serves whatever replica and state machine it is given, so tests may
// bring small ones.

import { RaftsmanError } from '../../platform/errors.js'
import type { Timer } from '../../platform/clock.js'
import type { Link, Listener } from '../../platform/network.js'
import type { SoftState } from '../../raft/core/types.js'
import { etcdServices } from '../etcd/services.js'
import type { EtcdServices } from '../etcd/services.js'
import { releaseOf } from '../core/cluster-command.js'
import { protocolLimits, protocolPath } from '../protocol.js'
import { answerHttp } from './http-status.js'
import { leaseTickMs } from './lease-desk.js'
import { LinkWatches } from './link-watches.js'
import { Maintenance } from './maintenance.js'
import { memberMetrics } from './member-metrics.js'
import { StoreService } from './service.js'
import type { ServiceParts } from './service.js'
import { Session } from './session.js'
import { WatchPump } from './watch-pump.js'

const sessionTickMs = 1_000
const handshakeMsMax = 5_000
const clientLinksMax = 4_096
const watchProgressMs = 600_000
/** What etcd's server takes of one message: a request and half a mebibyte around it. */
const rpcMessageBytesMax = protocolLimits.requestBytesMax + 512 * 1024
const rpcCallsMax = 1_000
const rpcKeepaliveMs = 60_000
const rpcKeepaliveTimeoutMs = 20_000

export type ClientPortParts = Omit<ServiceParts, 'maintenance'>

export class ClientPort {
  readonly #parts: ClientPortParts
  readonly #service: StoreService
  readonly #maintenance: Maintenance
  readonly #etcd: EtcdServices
  readonly #sessions = new Map<Link, Session>()
  #timers: Timer[] = []
  #listener: Listener | null = null
  readonly #probes = { passed: 0, failed: 0 }
  #toldLeader = 0
  #toldRemoved = false

  constructor(parts: ClientPortParts) {
    this.#parts = parts
    const { options, machine } = parts
    this.#maintenance = new Maintenance({
      machine,
      clock: options.clock,
      logger: options.logger,
      autoCompaction: options.autoCompaction ?? { mode: 'off' },
      compactionSliceKeys: options.tuning?.compactionSliceKeys,
      metrics: options.metrics,
    })
    this.#service = new StoreService({ ...parts, maintenance: this.#maintenance })
    this.#service.unread.addSource(() => this.#sessions.values())
    this.#service.unread.addSource(() => this.#listener?.rpcConnections ?? [])
    this.#etcd = etcdServices({ service: this.#service, machine, options, clock: options.clock })
  }

  get service(): StoreService {
    return this.#service
  }

  /** Where clients reach it; a listen port of 0 is resolved. */
  get address(): string {
    return this.#listener?.address ?? this.#parts.options.listenClient
  }

  start(ready: (error: Error | null) => void): void {
    const { options, raft, machine } = this.#parts
    const service = this.#service
    options.network.listen(
      {
        address: options.listenClient,
        tls: options.clientTls,
        path: protocolPath,
        frameBytesMax: protocolLimits.clientFrameBytesMax,
        linksMax: options.clientLinksMax ?? clientLinksMax,
        handshakeMsMax,
        onHttp: exchange =>
          answerHttp(exchange, {
            versions: () => ({
              etcdserver: this.#etcd.version,
              etcdcluster: this.#etcd.version,
              raftsman: options.version,
              raftsmancluster: releaseOf(machine.clusterVersion.version),
            }),
            health: service.health,
            alarms: kind => machine.alarms.has(kind),
            onHealth: healthy => (healthy ? this.#probes.passed++ : this.#probes.failed++),
            metricsText: options.metricsText,
          }),
        rpc: {
          methods: this.#etcd.methods,
          observer: this.#etcd.observer,
          messageBytesMax: rpcMessageBytesMax,
          callsMax: rpcCallsMax,
          keepaliveMs: rpcKeepaliveMs,
          keepaliveTimeoutMs: rpcKeepaliveTimeoutMs,
        },
      },
      {
        onOpen: link => this.#sessions.set(link, this.#session(link)),
        onFrame: (link, frame) => this.#sessions.get(link)?.receive(frame),
        onClose: link => {
          this.#sessions.get(link)?.closed()
          this.#sessions.delete(link)
        },
      },
      (error, listener) => {
        if (error !== null || listener === undefined) {
          ready(error ?? new Error('the client port gave no listener'))
          return
        }
        this.#listener = listener
        const leaderChanged = (softState: SoftState) => {
          service.leaderChanged(softState)
          this.#tellLeader()
        }
        raft.onSoftState(leaderChanged)
        // It may have come to lead while the port was being opened.
        const { role, leader, term } = raft.status()
        leaderChanged({ role, leader, term })
        this.#startTimers()
        this.#showMetrics()
        ready(null)
      },
    )
  }

  /** New requests are refused from now on; those under way are still answered. */
  drain(): void {
    this.#service.stopping = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
    this.#tellLeader()
    this.#etcd.close()
  }

  /** Not another word to anybody. */
  halt(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#maintenance.stop()
    this.#service.ranges.close()
    for (const session of this.#sessions.values()) session.closed()
  }

  stop(done: () => void): void {
    this.#maintenance.stop()
    this.#service.close()
    for (const [link, session] of this.#sessions) {
      session.flush()
      session.closed()
      link.close('the member is stopping')
    }
    this.#sessions.clear()
    if (this.#listener === null) done()
    else this.#listener.close(done)
  }

  #tellRemoved(): void {
    const { options, raft } = this.#parts
    if (this.#toldRemoved || !raft.status().removed) return
    this.#toldRemoved = true
    options.onRemoved?.()
  }

  #tellLeader(): void {
    const { leaderToTell, softState } = this.#service
    this.#toldLeader = leaderToTell
    for (const session of this.#sessions.values()) {
      session.leaderChanged(leaderToTell, softState.term)
    }
  }

  #session(link: Link): Session {
    const { options, machine } = this.#parts
    return new Session({
      link,
      clock: options.clock,
      logger: options.logger,
      welcome: () => this.#service.welcome(),
      unread: this.#service.unread,
      handle: (requester, request) => this.#service.handle(requester, request),
      checkToken: (requester, id) => this.#service.checkToken(requester, id),
      makePump: session =>
        new WatchPump({
          machine,
          guard: this.#service.guard,
          asker: {
            get principal() {
              return session.acting.principal
            },
          },
          clock: options.clock,
          progressMs: options.watchProgressMs ?? watchProgressMs,
          output: new LinkWatches(session, session.send),
        }),
    })
  }

  #startTimers(): void {
    const { clock } = this.#parts.options
    const service = this.#service
    this.#maintenance.start(at => {
      if (service.softState.role !== 'leader') return
      try {
        const request = { revision: at }
        service.writes.submit({ kind: 'compact', request, by: 'member' }, ignored, 0)
      } catch (error) {
        if (!(error instanceof RaftsmanError)) throw error
      }
    })
    this.#timers = [
      clock.setTicker(leaseTickMs, () => {
        service.leases.tick(service.softState)
        service.memberDesk.tick(service.softState)
        this.#tellRemoved()
        if (service.leaderToTell !== this.#toldLeader) this.#tellLeader()
      }),
      clock.setTicker(sessionTickMs, () => {
        const nowMs = clock.monotonicMs()
        service.versions.tick(service.softState)
        service.quota.tick(service.softState)
        service.comparison.tick(service.softState)
        for (const session of this.#sessions.values()) session.tick(nowMs, handshakeMsMax)
      }),
    ]
  }

  #showMetrics(): void {
    const { options, raft, machine } = this.#parts
    memberMetrics({
      options,
      raft,
      machine,
      service: this.#service,
      maintenance: this.#maintenance,
      probes: this.#probes,
      clients: {
        links: () => this.#sessions.size,
        rpcConnections: () => [...(this.#listener?.rpcConnections ?? [])].length,
        watchStreams: () => {
          const watching = [...this.#sessions.values()].filter(({ watches }) => watches > 0)
          return watching.length + this.#etcd.watchStreams
        },
      },
    })
  }
}

/** A compaction that did not happen is asked for again in the next period. */
const ignored = { written() {}, notWritten() {} }
