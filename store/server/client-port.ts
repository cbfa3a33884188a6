// The port that clients reach: links become sessions, calls of gRPC go to etcd's services, plain HTTP
// becomes health and metrics. It serves whatever replica and state machine it is given, so tests may
// bring small ones.

import { RaftsmanError } from '../../platform/errors.js'
import type { Timer } from '../../platform/clock.js'
import type { Link, Listener } from '../../platform/network.js'
import { etcdServices } from '../etcd/services.js'
import type { EtcdServices } from '../etcd/services.js'
import { protocolLimits, protocolPath } from '../protocol.js'
import { answerHttp } from './http-status.js'
import { leaseTickMs } from './lease-desk.js'
import { LinkWatches } from './link-watches.js'
import { Maintenance } from './maintenance.js'
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
    const { options, raft } = this.#parts
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
            version: options.version,
            unhealthyReason: () => service.unhealthyReason(),
            metricsText: options.metricsText,
          }),
        rpc: {
          methods: this.#etcd.methods,
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
        raft.onSoftState(softState => {
          service.leaderChanged(softState)
          this.#tellLeader()
        })
        this.#startTimers()
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
    const { options, machine } = this.#parts
    const { clock, metrics } = options
    const service = this.#service
    const links = metrics.gauge('raftsman_store_client_links', 'Links of clients.')
    const watches = metrics.gauge('raftsman_store_watches', 'Watches of clients.')
    const writes = metrics.gauge('raftsman_store_pending_writes', 'Writes not answered yet.')
    const reads = metrics.gauge('raftsman_store_pending_reads', 'Reads not answered yet.')
    const revision = metrics.gauge('raftsman_store_revision', 'Revision of the applied state.')
    const used = metrics.gauge(
      'raftsman_store_used_bytes',
      'What the log amounts to, the same on all members; the quota goes by it.',
    )
    const quota = metrics.gauge('raftsman_store_quota_bytes', 'What may be stored; 0 for no limit.')
    const bytes = metrics.gauge('raftsman_store_db_size_bytes', 'Size of the applied state.')
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
        let watchCount = this.#etcd.watches
        for (const session of this.#sessions.values()) {
          session.tick(nowMs, handshakeMsMax)
          watchCount += session.watches
        }
        links.set(this.#sessions.size)
        watches.set(watchCount)
        writes.set(service.writes.pending)
        reads.set(service.reads.pending)
        revision.set(machine.revision)
        bytes.set(machine.dbSizeBytes)
        used.set(machine.usedBytes)
        quota.set(machine.quotaBytes)
      }),
    ]
  }
}

/** A compaction that did not happen is asked for again in the next period. */
const ignored = { written() {}, notWritten() {} }
