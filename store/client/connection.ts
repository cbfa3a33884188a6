// One link to one member: greeting, frames out once a turn, frames in decoded, liveness. It knows
// nothing of calls or watches; those belong to the client, which outlives its connections.

import { must, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
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
import type { ClientMessage, ServerMessage, Welcome, WireError } from '../protocol.js'
import { LinkLogin, loginMsMax } from './login.js'
import type { Login } from './login.js'

export interface ConnectionOptions {
  readonly address: Address
  /** Place of the address in the client's list; lower is preferred. */
  readonly rank: number
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly network: Network
  readonly clientName: string
  /** 0: whichever cluster answers. */
  readonly clusterId: number
  /** Null: nobody, or whoever the certificate says. */
  readonly login: Login | null
  readonly handshakeMsMax: number
  /** Silence after which a ping is sent, and again after which the link is given up. */
  readonly silenceMsMax: number
}

export interface ConnectionEvents {
  /** It may be used from now on. */
  readonly onWelcome: (connection: Connection, welcome: Welcome) => void
  /** It may be used again: it was not, while a new token was asked for. */
  readonly onLoggedIn: (connection: Connection) => void
  /** The member knows its user or password not; it is closed. */
  readonly onLoginFailed: (error: WireError) => void
  readonly onMessage: (connection: Connection, message: ServerMessage) => void
  /** Once; nothing after it. */
  readonly onClosed: (connection: Connection, reason: string) => void
}

export interface SentMark {
  /** From then on a member may have got it. */
  sent: boolean
}

export class Connection {
  readonly rank: number
  readonly address: Address
  /** Null until the member has greeted. */
  welcome: Welcome | null = null
  /** The member said that it knows a leader, and nothing has spoken against it since. */
  healthy = false
  /** Calls sent and not answered; kept by the client. */
  inFlight = 0
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #link: Link
  /** Frames and their requests of this turn; nothing leaves before the flush. */
  #frames: Uint8Array[] = []
  #marks: SentMark[] = []
  readonly #writer = new FrameWriter(frame => this.#frames.push(frame))
  readonly #startedMs: number
  #heardMs: number
  #pings = 0
  #pingSentMs: number | null = null
  #flushing = false
  readonly #login: LinkLogin | null
  /** The login has been done once. */
  #admitted = false
  #loginSentMs = 0
  #closed = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
    this.rank = options.rank
    this.address = options.address
    this.#login =
      options.login === null
        ? null
        : new LinkLogin(options.login, {
            send: message => this.send(message),
            onDone: () => this.#loggedIn(),
            onFailed: error => this.#loginFailed(error),
          })
    this.#startedMs = options.clock.monotonicMs()
    this.#heardMs = this.#startedMs
    this.#link = options.network.connect(
      {
        address: options.address,
        tls: options.tls,
        path: protocolPath,
        frameBytesMax: protocolLimits.serverFrameBytesMax,
        handshakeMsMax: options.handshakeMsMax,
      },
      {
        onOpen: () => this.#greet(),
        onFrame: (_link, frame) => this.#receive(frame),
        onClose: (_link, reason) => this.#end(reason),
      },
    )
  }

  get usable(): boolean {
    return this.#admitted && !this.#closed && this.#link.open && this.#login?.busy !== true
  }

  get bufferedBytes(): number {
    return this.#link.bufferedBytes
  }

  /**
   * Packed messages of one turn leave together; `mark` learns when an open link took it. The chunks are one
   * message.
   */
  sendPacked(chunks: readonly Uint8Array[], mark?: SentMark): void {
    if (this.#closed) return
    this.#writer.add(...chunks)
    if (mark !== undefined) this.#marks.push(mark)
    if (this.#flushing) return
    this.#flushing = true
    this.#options.clock.defer(() => this.#flush())
  }

  send(message: ClientMessage): void {
    this.sendPacked([encodeClientMessage(message)])
  }

  /** To be called a few times a second: gives up on members that say nothing. */
  tick(nowMs: number): void {
    if (this.#closed) return
    if (this.welcome === null) {
      // The upgrade has its own time limit in the network; this one covers the greeting as well.
      if (nowMs - this.#startedMs > 2 * this.#options.handshakeMsMax) this.close('no greeting came')
      return
    }
    if (this.#login?.busy === true && nowMs - this.#loginSentMs > loginMsMax) {
      this.close('the login was not answered')
      return
    }
    const { silenceMsMax } = this.#options
    if (nowMs - this.#heardMs <= silenceMsMax) return
    if (this.#pingSentMs === null) {
      this.#pings += 1
      this.#pingSentMs = nowMs
      this.send({ kind: 'ping', id: this.#pings })
    } else if (nowMs - this.#pingSentMs > silenceMsMax) {
      this.close('the member does not answer')
    }
  }

  /** A request was refused for want of a token that counts. False: another one cannot be had. */
  renewLogin(): boolean {
    if (this.#login === null || this.#closed) return false
    this.#loginSentMs = this.#options.clock.monotonicMs()
    return this.#login.renew()
  }

  close(reason: string): void {
    if (this.#closed) return
    this.#link.close(reason)
    this.#end(reason)
  }

  #greet(): void {
    if (this.#closed) return
    this.#link.send(
      frameOf({
        kind: 'hello',
        versionMin: protocolVersionMin,
        versionMax: protocolVersion,
        client: this.#options.clientName,
        clusterId: this.#options.clusterId,
      }),
    )
  }

  #flush(): void {
    this.#flushing = false
    if (this.#closed || !this.#link.open) return
    this.#writer.cut()
    for (const frame of this.#frames) this.#link.send(frame)
    for (const mark of this.#marks) mark.sent = true
    this.#frames = []
    this.#marks = []
  }

  #receive(frame: Uint8Array): void {
    if (this.#closed) return
    this.#heardMs = this.#options.clock.monotonicMs()
    this.#pingSentMs = null
    let messages: readonly ServerMessage[]
    try {
      messages = decodeServerFrame(frame, this.welcome)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close(error.message)
      return
    }
    for (const message of messages) {
      if (this.#closed) return
      this.#take(message)
    }
  }

  #take(message: ServerMessage): void {
    switch (message.kind) {
      case 'welcome':
        if (this.welcome !== null || !isSpoken(message.welcome.version)) {
          this.close('an unexpected greeting')
          return
        }
        this.welcome = message.welcome
        this.healthy = message.welcome.leader !== 0
        if (this.#login === null) this.#loggedIn()
        else {
          this.#loginSentMs = this.#options.clock.monotonicMs()
          this.#login.begin()
        }
        return
      case 'pong':
      case 'leader':
        this.healthy = message.leader !== 0
        this.#events.onMessage(this, message)
        return
      case 'error':
      case 'answer':
        if (this.#login?.take(message) !== true) this.#events.onMessage(this, message)
        return
      case 'rangePart':
      case 'snapshotPart':
      case 'watchCreated':
      case 'watchEvents':
      case 'watchEnd':
        this.#events.onMessage(this, message)
        return
      default:
        unreachable(message)
    }
  }

  #loggedIn(): void {
    if (this.#admitted) {
      this.#events.onLoggedIn(this)
      return
    }
    this.#admitted = true
    this.#events.onWelcome(this, must(this.welcome, 'who was admitted has been greeted'))
  }

  #loginFailed(error: WireError): void {
    // Where it may succeed later another member is tried meanwhile.
    if (!error.retryable) this.#events.onLoginFailed(error)
    this.close(error.message)
  }

  #end(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.healthy = false
    this.#events.onClosed(this, reason)
  }
}

function isSpoken(version: number): boolean {
  return version >= protocolVersionMin && version <= protocolVersion
}

function frameOf(message: ClientMessage): Uint8Array {
  const frames: Uint8Array[] = []
  const writer = new FrameWriter(frame => frames.push(frame))
  writer.add(encodeClientMessage(message))
  writer.cut()
  return frames[0] ?? new Uint8Array()
}
