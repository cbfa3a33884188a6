// One client on one link: greets it, takes its frames apart, and gathers what it is told in a turn
// into one frame. A client that sends garbage, sends too much, or does not read what it is sent is
// cut off with a sentence; it costs nobody else anything.

import { RaftsmanError, assert, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Link } from '../../platform/network.js'
import type { CommandResult } from '../core/command.js'
import type { KeyValue } from '../core/types.js'
import {
  FrameWriter,
  ProtocolError,
  decodeClientFrame,
  encodeServerMessage,
  protocolLimits,
  protocolVersion,
  protocolVersionMin,
} from '../protocol.js'
import type { Answer, ClientMessage, Request, Welcome, WireError } from '../protocol.js'
import { actingAs } from './requester.js'
import type { Principal, Requester } from './requester.js'
import type { UnreadBudget } from './unread-budget.js'
import { answerOf } from './command-answer.js'
import type { WatchPump } from './watch-pump.js'
import { wireError } from './wire-error.js'
import { tooManyRequests } from './service-errors.js'

/**
 * Answers that a client has not read: above its share of the budget, reads wait for it; above the
 * first of these it is told to slow down; above the second it has no link any more.
 */
const unreadBytesMax = 16 * 1024 * 1024
const unreadBytesCut = 64 * 1024 * 1024
const pacedRetryMs = 5
/** Of an answer beside the key-values in it. */
const answerFramingBytes = 64 * 1024

export interface SessionOptions {
  readonly link: Link
  readonly clock: Clock
  readonly logger: Logger
  readonly unread: UnreadBudget
  /** Of this member now; the client is refused when it wants another cluster. */
  readonly welcome: () => Welcome
  readonly handle: (requester: Requester, request: Request) => void
  /** Answers whether the requester's token is good. */
  readonly checkToken: (requester: Requester, id: number) => void
  readonly makePump: (session: Session) => WatchPump
}

export class Session implements Requester {
  readonly link: Link
  /** Before any token was used. */
  readonly principal: Principal
  /**
   * Who asks for what comes now: another one whenever the link uses another token, so that a request
   * stays whose it was when it came, however long it waits.
   */
  acting: Requester = this
  readonly answerBytesMax = protocolLimits.answerBytesMax - answerFramingBytes
  readonly openedMs: number
  /** Of the protocol, that the link speaks; 0 before the greeting. */
  version = 0
  readonly #options: SessionOptions
  readonly #pump: WatchPump
  readonly #writer: FrameWriter
  #scheduled = false
  /** Queued since the last flush. A link whose end is not known yet takes all and buffers nothing. */
  #turnBytes = 0
  #inFlight = 0
  /** Reads that wait until the client has read more. */
  #paced: (() => void)[] = []
  #closed = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.link = options.link
    this.principal = { commonName: options.link.peerName, token: null }
    this.openedMs = options.clock.monotonicMs()
    this.#writer = new FrameWriter(frame => this.#emit(frame))
    this.#pump = options.makePump(this)
  }

  get watches(): number {
    return this.#pump.size
  }

  get greeted(): boolean {
    return this.version > 0
  }

  get open(): boolean {
    return this.link.open
  }

  get bufferedBytes(): number {
    return Math.max(this.link.bufferedBytes + this.#writer.bytes, this.#turnBytes)
  }

  receive(frame: Uint8Array): void {
    if (this.#closed) return
    let messages: readonly ClientMessage[]
    try {
      messages = decodeClientFrame(frame)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.refuse(error.message)
      return
    }
    for (const message of messages) {
      if (this.#closed) return
      this.#take(message)
    }
  }

  answer(answer: Answer): void {
    this.#inFlight -= 1
    const packed = encodeServerMessage({ kind: 'answer', answer })
    if (packed.length > protocolLimits.answerBytesMax) {
      this.#inFlight += 1
      this.fail(answer.id, tooLarge(answer))
      return
    }
    this.send(packed)
  }

  fail(id: number, error: unknown): void {
    this.failWith(id, wireError(error))
  }

  failWith(id: number, error: WireError): void {
    this.#inFlight -= 1
    assert(this.#inFlight >= 0, 'every request is answered once')
    this.send(encodeServerMessage({ kind: 'error', id, error }))
  }

  rangePart(id: number, kvs: readonly KeyValue[]): void {
    this.send(encodeServerMessage({ kind: 'rangePart', id, kvs }))
  }

  snapshotPart(id: number, bytes: Uint8Array): void {
    this.send(encodeServerMessage({ kind: 'snapshotPart', id, bytes }))
  }

  written(id: number, result: CommandResult): void {
    if (!result.ok) {
      this.fail(id, result.error)
      return
    }
    this.answer(answerOf(result, id))
  }

  notWritten(id: number, error: RaftsmanError): void {
    this.fail(id, error)
  }

  leaderChanged(leader: number, raftTerm: number): void {
    if (this.greeted) this.send(encodeServerMessage({ kind: 'leader', leader, raftTerm }))
  }

  /** Once a second or so. */
  tick(nowMs: number, greetingMsMax: number): void {
    this.#pump.tick(nowMs)
    if (!this.greeted && nowMs - this.openedMs > greetingMsMax) this.refuse('no greeting came')
  }

  /** Into the frame of this turn. */
  readonly send = (...chunks: readonly Uint8Array[]): void => {
    if (this.#closed) return
    this.#writer.add(...chunks)
    for (const { length } of chunks) this.#turnBytes += length
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.clock.defer(() => this.flush())
  }

  flush(): void {
    this.#scheduled = false
    this.#turnBytes = 0
    if (this.#closed) return
    this.#writer.cut()
  }

  /**
   * Runs `answer`, whose result may be long, once the client has read most of what it was sent: a
   * frame may ask for more than memory holds. In order, a few a turn; never when the link ends before.
   */
  paced(answer: () => void): void {
    if (this.#paced.length === 0 && this.#hasRoom) answer()
    else {
      this.#paced.push(answer)
      if (this.#paced.length === 1) this.#resumeLater()
    }
  }

  /** Ends the link with a sentence for its client. */
  refuse(reason: string): void {
    const { logger } = this.#options
    logger.warn({ remote: this.link.remote, peer: this.link.peerName, reason }, 'client refused')
    this.link.close(reason)
    this.closed()
  }

  /** The link has ended. */
  closed(): void {
    if (this.#closed) return
    this.#closed = true
    this.#paced = []
    this.#pump.close()
  }

  get #hasRoom(): boolean {
    return this.bufferedBytes <= this.#options.unread.share
  }

  #resumeLater(): void {
    this.#options.clock.setTimer(pacedRetryMs, () => {
      let answered = 0
      for (const answer of this.#paced) {
        if (this.#closed || !this.#hasRoom) break
        answered += 1
        answer()
      }
      this.#paced.splice(0, answered)
      if (this.#paced.length > 0 && !this.#closed) this.#resumeLater()
    })
  }

  #emit(frame: Uint8Array): void {
    this.#options.unread.sent(frame.length)
    this.link.send(frame)
    if (this.link.bufferedBytes > unreadBytesCut)
      this.refuse('the client does not read its answers')
  }

  #take(message: ClientMessage): void {
    if (!this.greeted && message.kind !== 'hello') {
      this.refuse('the first message must be the greeting')
      return
    }
    switch (message.kind) {
      case 'hello':
        this.#greet(message)
        return
      case 'ping': {
        const { leader } = this.#options.welcome()
        this.send(encodeServerMessage({ kind: 'pong', id: message.id, leader }))
        return
      }
      case 'watchCreate':
        this.#pump.create({ ...message, fragments: true })
        return
      case 'watchCredit':
        this.#pump.credit(message.watch, message.creditBytes)
        return
      case 'watchCancel':
        this.#pump.cancel(message.watch)
        return
      case 'watchProgress':
        this.#pump.progress(message.watch)
        return
      case 'range':
      case 'put':
      case 'deleteRange':
      case 'txn':
      case 'compact':
      case 'leaseGrant':
      case 'leaseRevoke':
      case 'leaseKeepAlive':
      case 'leaseTimeToLive':
      case 'leaseLeases':
      case 'status':
      case 'memberList':
      case 'moveLeader':
      case 'memberAdd':
      case 'memberPromote':
      case 'memberUpdate':
      case 'memberRemove':
      case 'memberReplace':
      case 'snapshot':
      case 'hashKv':
      case 'openSession':
      case 'alarm':
      case 'space':
      case 'clusterVersion':
      case 'authenticate':
      case 'auth':
        this.#request(this.acting, message)
        return
      case 'useToken':
        this.#useToken(message)
        return
      case 'withToken': {
        const { commonName } = this.principal
        this.#request(actingAs(this, { commonName, token: message.token }), message.request)
        return
      }
      default:
        unreachable(message)
    }
  }

  #greet(hello: Extract<ClientMessage, { kind: 'hello' }>): void {
    const version = Math.min(hello.versionMax, protocolVersion)
    const welcome = { ...this.#options.welcome(), version }
    if (this.greeted) this.refuse('a second greeting')
    else if (version < protocolVersionMin || version < hello.versionMin) {
      this.refuse(`protocol versions ${protocolVersionMin} to ${protocolVersion} are spoken here`)
    } else if (hello.clusterId !== 0 && hello.clusterId !== welcome.clusterId) {
      this.refuse(`this member belongs to cluster ${welcome.clusterId}`)
    } else {
      this.version = version
      this.#writer.add(encodeServerMessage({ kind: 'welcome', welcome }))
      // It stands alone: a client reads all other frames in its light.
      this.#writer.cut()
    }
  }

  #request(requester: Requester, request: Request): void {
    this.#attempt(request.id, () => this.#options.handle(requester, request))
  }

  /** From here on, also for what stands behind it in the frame, whether it turns out good or not. */
  #useToken({ id, token }: Extract<ClientMessage, { kind: 'useToken' }>): void {
    this.acting = actingAs(this, { ...this.principal, token: token === '' ? null : token })
    this.#attempt(id, () => this.#options.checkToken(this.acting, id))
  }

  #attempt(id: number, act: () => void): void {
    this.#inFlight += 1
    const overfull =
      this.#inFlight > protocolLimits.inFlightMax || this.link.bufferedBytes > unreadBytesMax
    if (overfull) {
      this.fail(id, tooManyRequests())
      return
    }
    try {
      act()
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.fail(id, error)
    }
  }
}

function tooLarge(answer: Answer): RaftsmanError {
  const writes = answer.kind === 'txn' || answer.kind === 'deleteRange'
  return new RaftsmanError(
    `the answer is larger than ${protocolLimits.answerBytesMax} bytes; ask for less in one request`,
    { code: 'answer-too-large', retryable: false, outcome: writes ? 'unknown' : 'not-applied' },
  )
}
