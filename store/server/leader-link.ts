// What only the leader can answer, passed on to it: keep-alives, remaining times, hand-overs. One
// link to the leader's client port with this member's own certificate, speaking the protocol that
// clients speak. Every request carries `forwarded`, so a member that is not (any more) the leader
// refuses it and nothing goes in circles. Counterpart: etcd's lease HTTP forwarding.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Address, Link, Network, TlsFiles } from '../../platform/network.js'
import {
  FrameWriter,
  ProtocolError,
  decodeServerFrame,
  encodeClientMessage,
  protocolLimits,
  protocolPath,
  protocolVersion,
  protocolVersionMin,
} from '../protocol.js'
import type {
  Answer,
  MemberChangeKind,
  Request,
  ServerMessage,
  Welcome,
  WireError,
} from '../protocol.js'
import { tooManyRequests } from './service-errors.js'

const pendingMax = 16_384
const handshakeMsMax = 2_000

export type Forwarded = Extract<
  Request,
  { kind: 'leaseKeepAlive' | 'leaseTimeToLive' | 'moveLeader' | MemberChangeKind }
>

const repeatable: ReadonlySet<Request['kind']> = new Set(['leaseKeepAlive', 'leaseTimeToLive'])

export type ForwardDone = (error: WireError | RaftsmanError | null, answer?: Answer) => void

export interface LeaderLinkOptions {
  readonly memberId: number
  readonly address: Address
  readonly tls: TlsFiles | null
  readonly clusterId: number
  readonly clientName: string
  readonly requestTimeoutMs: number
  readonly clock: Clock
  readonly network: Network
}

interface Waiting {
  readonly done: ForwardDone
  readonly kind: Request['kind']
  readonly deadlineMs: number
}

/** Good for one leader; the next one gets its own. */
export class LeaderLink {
  readonly memberId: number
  readonly #options: LeaderLinkOptions
  readonly #link: Link
  readonly #ticker: Timer
  readonly #waiting = new Map<number, Waiting>()
  #frames: Uint8Array[] = []
  readonly #writer = new FrameWriter(frame => this.#frames.push(frame))
  #welcome: Welcome | null = null
  #ids = 0
  #flushing = false
  #retired = false
  #closed = false

  constructor(options: LeaderLinkOptions) {
    this.#options = options
    this.memberId = options.memberId
    this.#link = options.network.connect(
      {
        address: options.address,
        tls: options.tls,
        path: protocolPath,
        frameBytesMax: protocolLimits.serverFrameBytesMax,
        handshakeMsMax,
      },
      {
        onOpen: () => this.#greet(),
        onFrame: (_link, frame) => this.#receive(frame),
        onClose: (_link, reason) => this.#end(reason),
      },
    )
    this.#ticker = options.clock.setTicker(250, () => this.#expire())
  }

  get closed(): boolean {
    return this.#closed
  }

  /** `token` says for whom, null: for nobody. Answers once, later. Throws `too-many-requests`. */
  forward(request: Forwarded, token: string | null, done: ForwardDone): void {
    if (this.#waiting.size >= pendingMax) throw tooManyRequests()
    this.#ids += 1
    const { clock, requestTimeoutMs } = this.#options
    const deadlineMs = clock.monotonicMs() + requestTimeoutMs
    this.#waiting.set(this.#ids, { done, kind: request.kind, deadlineMs })
    const forwarded = { ...request, id: this.#ids, forwarded: true }
    this.#writer.add(
      encodeClientMessage(
        token === null ? forwarded : { kind: 'withToken', token, request: forwarded },
      ),
    )
    this.#schedule()
  }

  /** Another member leads: what is under way is still answered (a hand-over above all). */
  retire(): void {
    this.#retired = true
    if (this.#waiting.size === 0) this.close('another member leads')
  }

  close(reason: string): void {
    if (this.#closed) return
    this.#link.close(reason)
    this.#end(reason)
  }

  #greet(): void {
    if (this.#closed) return
    const { clusterId, clientName } = this.#options
    const frames: Uint8Array[] = []
    const writer = new FrameWriter(frame => frames.push(frame))
    const versions = { versionMin: protocolVersionMin, versionMax: protocolVersion }
    writer.add(encodeClientMessage({ kind: 'hello', ...versions, client: clientName, clusterId }))
    writer.cut()
    for (const frame of frames) this.#link.send(frame)
  }

  /** Requests wait here until the leader has greeted, then go out once a turn. */
  #schedule(): void {
    if (this.#flushing || this.#welcome === null) return
    this.#flushing = true
    this.#options.clock.defer(() => {
      this.#flushing = false
      if (this.#closed) return
      this.#writer.cut()
      for (const frame of this.#frames) this.#link.send(frame)
      this.#frames = []
    })
  }

  #receive(frame: Uint8Array): void {
    let messages: readonly ServerMessage[]
    try {
      messages = decodeServerFrame(frame, this.#welcome)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close(error.message)
      return
    }
    for (const message of messages) {
      if (message.kind === 'welcome') {
        this.#welcome = message.welcome
        this.#schedule()
      } else if (message.kind === 'answer') {
        this.#settle(message.answer.id, null, message.answer)
      } else if (message.kind === 'error') this.#settle(message.id, message.error)
    }
  }

  #settle(id: number, error: WireError | null, answer?: Answer): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    waiting.done(error, answer)
    if (this.#retired) this.retire()
  }

  #expire(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [id, waiting] of this.#waiting) {
      if (waiting.deadlineMs > nowMs) break
      this.#waiting.delete(id)
      waiting.done(lostLeader(waiting.kind, 'it did not answer in time'))
    }
    if (this.#retired) this.retire()
  }

  #end(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#ticker.cancel()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { done, kind } of waiting) done(lostLeader(kind, reason))
  }
}

/** What changes leadership or membership may be under way; asking the others again spoils nothing. */
function lostLeader(kind: Request['kind'], reason: string): RaftsmanError {
  return new RaftsmanError(`the leader could not be asked: ${reason}`, {
    code: 'no-leader',
    retryable: true,
    outcome: repeatable.has(kind) ? 'not-applied' : 'unknown',
  })
}
