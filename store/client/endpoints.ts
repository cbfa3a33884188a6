// Which member to talk to. Keeps one connection in use, opens a second one while there is a better
// choice to try, and changes over only to a member that has greeted and knows a leader. Prefers the
// lowest rank (the local member), leaves it while it is down or leaderless, and comes back. Those it was
// given stay for good; those it learns of later come and go with the membership.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Address } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Connection } from './connection.js'

const backoffMsMin = 50
const backoffMsMax = 2_000
/** Until a preferred member is tried again while another one serves. */
const returnMsMin = 1_000
/** It doubles to this while the preferred one greets well and then fails soon after. */
const returnMsMax = 60_000
const soonMs = 10_000

interface Endpoint {
  readonly address: Address
  /** Its place in the list it was given, or a higher one that no other ever had. */
  readonly rank: number
  failures: number
  notBeforeMs: number
  returnMs: number
  returnNotBeforeMs: number
}

export interface EndpointsOptions {
  readonly addresses: readonly Address[]
  /** False: start anywhere and stay. */
  readonly preferFirst: boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly open: (address: Address, rank: number) => Connection
  /** New calls and all watches go there from now on; `old` finishes what it has. */
  readonly onChange: (connection: Connection, old: Connection | null) => void
}

export class Endpoints {
  current: Connection | null = null
  readonly #options: EndpointsOptions
  #endpoints: readonly Endpoint[]
  #ranks: number
  #candidate: Connection | null = null
  /** When the present one came into use. */
  #sinceMs = 0
  #stopped = false
  #lastFailure = 'no connection has been tried yet'

  constructor(options: EndpointsOptions) {
    this.#options = options
    this.#endpoints = options.addresses.map(newEndpoint)
    this.#ranks = options.addresses.length
    if (!options.preferFirst) {
      // Spread over the members, and go on in their order from there.
      const start = options.random.integer(this.#endpoints.length)
      this.#endpoints = [...this.#endpoints.slice(start), ...this.#endpoints.slice(0, start)]
    }
  }

  /** A member is in use, it can serve, and no other is being tried. */
  get settled(): boolean {
    return this.current !== null && this.current.healthy && this.#candidate === null
  }

  /** Why nothing is answered, for people who wait. */
  get lastReason(): string {
    const { current } = this
    if (current === null || current.healthy) return this.#lastFailure
    return `${current.address} is there and cannot serve`
  }

  /** Where members listen today. Of those learned before, the others go. */
  learned(addresses: readonly Address[]): void {
    const given = this.#endpoints.filter(({ rank }) => rank < this.#options.addresses.length)
    const known = this.#endpoints.filter(
      endpoint => !given.includes(endpoint) && addresses.includes(endpoint.address),
    )
    const staying = [...given, ...known]
    const fresh = addresses.filter(address => !staying.some(other => other.address === address))
    this.#endpoints = [...staying, ...fresh.map(address => newEndpoint(address, this.#ranks++))]
  }

  /** To be called a few times a second, and whenever a connection came, went or lost its leader. */
  tick(): void {
    if (this.#stopped) return
    const nowMs = this.#options.clock.monotonicMs()
    this.current?.tick(nowMs)
    this.#candidate?.tick(nowMs)
    if (this.#candidate !== null) return
    const next = this.#nextToTry(nowMs)
    if (next === null) return
    this.#candidate = this.#options.open(next.address, next.rank)
  }

  greeted(connection: Connection): void {
    if (connection !== this.#candidate) return
    this.#candidate = null
    const endpoint = this.#endpointOf(connection)
    if (this.current !== null && !this.#isBetter(connection, this.current)) {
      // A member without a leader may find it yet; and the one in use may have found its own.
      if (endpoint !== null) this.#defer(endpoint)
      connection.close('another member is used')
      return
    }
    if (endpoint !== null && connection.healthy) endpoint.failures = 0
    else if (endpoint !== null) this.#defer(endpoint)
    const old = this.current
    this.current = connection
    this.#sinceMs = this.#options.clock.monotonicMs()
    this.#options.logger.info(
      { member: connection.welcome?.name, address: connection.address, rank: connection.rank },
      'connected to a store member',
    )
    this.#options.onChange(connection, old)
  }

  closed(connection: Connection, reason: string): void {
    if (this.#stopped) return
    const wasInUse = connection === this.current
    if (wasInUse) this.current = null
    if (connection === this.#candidate) this.#candidate = null
    else if (!wasInUse) return
    this.#lastFailure = `${connection.address}: ${reason}`
    const endpoint = this.#endpointOf(connection)
    if (endpoint !== null) this.#defer(endpoint)
    if (endpoint !== null && wasInUse) this.#deferReturn(endpoint)
    const candidate = this.#candidate
    if (wasInUse && candidate !== null) {
      // It may be a member that never answers, and now somebody waits: try the others first.
      this.#candidate = null
      const tried = this.#endpointOf(candidate)
      if (tried !== null) this.#defer(tried)
      candidate.close('another member is tried first')
    }
    this.#options.logger.debug(
      { address: connection.address, reason, wasInUse },
      'connection to a store member ended',
    )
    this.tick()
  }

  stop(): void {
    this.#stopped = true
    const { current } = this
    const candidate = this.#candidate
    this.current = null
    this.#candidate = null
    current?.close('the client is closed')
    candidate?.close('the client is closed')
  }

  #nextToTry(nowMs: number): Endpoint | null {
    const { current } = this
    const ready = this.#endpoints.filter(endpoint => endpoint.notBeforeMs <= nowMs)
    if (current === null) return leastTried(ready)
    if (!current.healthy) return leastTried(ready.filter(({ rank }) => rank !== current.rank))
    if (!this.#options.preferFirst || current.rank === 0) return null
    const first = ready.find(endpoint => endpoint.rank === 0)
    if (first === undefined || first.returnNotBeforeMs > nowMs) return null
    first.returnNotBeforeMs = nowMs + first.returnMs
    return first
  }

  #isBetter(candidate: Connection, current: Connection): boolean {
    if (!candidate.healthy) return false
    return !current.healthy || (this.#options.preferFirst && candidate.rank === 0)
  }

  #defer(endpoint: Endpoint): void {
    const { clock, random } = this.#options
    const fullMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(endpoint.failures, 16))
    endpoint.failures += 1
    endpoint.notBeforeMs = clock.monotonicMs() + fullMs * (0.5 + random.next() / 2)
  }

  /** A member that hangs after every greeting must not draw its clients to it again and again. */
  #deferReturn(endpoint: Endpoint): void {
    const nowMs = this.#options.clock.monotonicMs()
    const failedSoon = nowMs - this.#sinceMs < soonMs
    endpoint.returnMs = failedSoon ? Math.min(returnMsMax, endpoint.returnMs * 2) : returnMsMin
    endpoint.returnNotBeforeMs = nowMs + endpoint.returnMs
  }

  /** Null when its member has left the cluster meanwhile. */
  #endpointOf(connection: Connection): Endpoint | null {
    return this.#endpoints.find(endpoint => endpoint.rank === connection.rank) ?? null
  }
}

function newEndpoint(address: Address, rank: number): Endpoint {
  return {
    address,
    rank,
    failures: 0,
    notBeforeMs: 0,
    returnMs: returnMsMin,
    returnNotBeforeMs: 0,
  }
}

/** The first in order; not always the same ones while others wait that may answer. */
function leastTried(ready: readonly Endpoint[]): Endpoint | null {
  let best: Endpoint | null = null
  for (const endpoint of ready) {
    if (best === null || endpoint.failures < best.failures) best = endpoint
  }
  return best
}
