// The link that this node made to one peer. Messages go out on links that we made and come in on
// those that others made, so a pair has two, and neither side must decide which one to keep.
// Lost links come back with growing, jittered delays. Nothing is kept for a peer out of reach:
// Raft sends again, and what it sends is newer then.

import type { Timer } from '../../platform/clock.js'
import type { Link } from '../../platform/network.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type { Message } from '../core/types.js'
import type { Frame } from './frame-codec.js'
import { decodeFrame, encodeFrame, protocolVersion, protocolVersionMin } from './frame-codec.js'
import { messageBytes } from './message-codec.js'
import { PeerRefused } from './refusals.js'
import type { LinkOptions, Peer, VersionRange } from './transport-options.js'
import {
  checkCertificate,
  connectOptions,
  firstVersions,
  helloFrame,
  pingMs,
  silenceMsMax,
} from './transport-options.js'

/** Bytes that the operating system has not taken yet; beyond it messages are dropped. */
const queuedBytesMax = 64 * 1024 * 1024
/** Messages of one turn share a frame up to about this size. */
const frameBytesSoft = 1024 * 1024
/** A process that is just ending may have closed its links and listen still. */
const retryMsMin = 10
const retryMsMax = 1000
/** Who welcomed us so long ago is looked for at once when the link is lost: it may be known to be gone then. */
const steadyMsMin = 1000
/** For one that takes us for removed: it will hardly change its mind. */
const removedRetryMs = 10_000

export class PeerLink {
  readonly peer: Peer
  private readonly options: LinkOptions
  private link: Link | null = null
  private welcomed = false
  /** Of the last frame with messages on this link. */
  private sequence = 0
  /** Named in the next greeting. The newest each time, for a peer may have been upgraded. */
  private version = protocolVersion
  private told: VersionRange | null = null
  private removed = false
  private stopped = false
  /** It has welcomed us once, so its address is right. */
  private reached = false
  private openedMs = 0
  /** Of the attempt under way: what was known of the peer when it began, and whether it was refused. */
  private begun: number | null = null
  private refused = false
  /** That attempt tells too little: the next one is due at once. */
  private lookDue = false
  private failures = 0
  /** The reason of the last failure, so that it is logged once and not every second. */
  private loggedReason = ''
  private lastReceivedMs = 0
  /** Of the oldest ping without an answer; null when there is none. */
  private pingedMs: number | null = null
  private retry: Timer | null = null
  private readonly pinger: Timer
  /** Of this turn. */
  private pending: Message[] = []

  constructor(options: LinkOptions, peer: Peer) {
    this.options = options
    this.peer = peer
    options.traffic.known(peer.id)
    this.pinger = options.clock.setTicker(pingMs, () => this.ping())
    this.connect()
  }

  get connected(): boolean {
    return this.welcomed
  }

  /** What the peer said that it speaks; null while there is no link. */
  get speaks(): VersionRange | null {
    return this.welcomed ? this.told : null
  }

  /** Leaves with the next `flush`. */
  send(message: Message): void {
    this.pending.push(message)
  }

  /** Sends what came since the last call, or drops it. */
  flush(): void {
    if (this.pending.length === 0) return
    const messages = this.pending
    this.pending = []
    const { link } = this
    if (link === null || !this.welcomed || link.bufferedBytes > queuedBytesMax) {
      this.options.traffic.failed(this.peer.id, messages.length)
      for (const message of messages) this.options.onDropped(message)
      return
    }
    let from = 0
    let bytes = 0
    for (let at = 0; at < messages.length; at += 1) {
      const size = messageBytes(messages[at] as Message)
      if (at > from && bytes + size > frameBytesSoft) {
        this.sendFrame(link, messages.slice(from, at))
        from = at
        bytes = 0
      }
      bytes += size
    }
    this.sendFrame(link, from === 0 ? messages : messages.slice(from))
  }

  private sendFrame(link: Link, messages: readonly Message[]): void {
    this.sequence += 1
    const frame = encodeFrame({ kind: 'messages', sequence: this.sequence, messages })
    this.options.traffic.sent(this.peer.id, frame.length)
    link.send(frame)
  }

  stop(): void {
    this.stopped = true
    this.pinger.cancel()
    this.retry?.cancel()
    this.link?.close('node stops')
    this.link = null
    this.lost()
  }

  /** The peer has closed its links to us: is it still there? */
  lookAgain(): void {
    if (this.stopped || !this.reached || this.removed || this.welcomed) return
    if (this.retry === null) this.lookDue = true
    else {
      this.retry.cancel()
      this.connect()
    }
  }

  private connect(): void {
    const { clock, network, presence } = this.options
    this.retry = null
    this.lastReceivedMs = clock.monotonicMs()
    this.begun = presence.begin(this.peer.id)
    this.refused = false
    this.lookDue = false
    this.link = network.connect(connectOptions(this.options, this.peer), {
      onOpen: link => {
        this.guarded(link, () => {
          checkCertificate(this.options, link, this.peer.name)
          link.send(helloFrame(this.options, this.peer, 'messages', this.version))
        })
      },
      onFrame: (link, frame) => this.received(link, frame),
      onRefused: link => {
        this.refused = link === this.link
      },
      onClose: (link, reason) => this.closed(link, reason),
    })
  }

  private received(link: Link, bytes: Uint8Array): void {
    if (link !== this.link) return
    this.lastReceivedMs = this.options.clock.monotonicMs()
    this.guarded(link, () => this.read(link, decodeFrame(bytes)))
  }

  /** What the other side does wrong costs it this link. */
  private guarded(link: Link, run: () => void): void {
    try {
      run()
    } catch (error) {
      const refusal =
        error instanceof MalformedFrame ? new PeerRefused('malformed', error.message) : error
      if (!(refusal instanceof PeerRefused)) throw error
      this.options.refusals.note(refusal, link.remote)
      link.close(refusal.message)
    }
  }

  private read(link: Link, frame: Frame): void {
    switch (frame.kind) {
      case 'welcome':
        if (this.welcomed) throw new PeerRefused('unexpected', 'a second welcome')
        this.opened(frame.challenge, frame.speaks ?? firstVersions)
        return
      case 'refused':
        if (frame.reason === 'wrong-version' && this.version > protocolVersionMin) {
          this.again(link)
          return
        }
        this.removed = frame.reason === 'removed-peer'
        this.options.onRefused(this.peer.id, frame.reason)
        link.close(`refused: ${frame.detail}`)
        return
      case 'roster':
        if (!this.welcomed) throw new PeerRefused('unexpected', 'members before the welcome')
        this.options.onRoster(frame.roster)
        return
      case 'pong':
        this.ponged()
        return
      case 'hello':
      case 'foreignHello':
      case 'ping':
      case 'messages':
      case 'snapshotBegin':
      case 'snapshotResume':
      case 'snapshotChunk':
      case 'snapshotAck':
      case 'snapshotEnd':
      case 'snapshotResult':
        throw new PeerRefused('unexpected', `unexpected frame ${frame.kind}`)
    }
  }

  /** It does not know the version of our greeting: at once with the one before. */
  private again(link: Link): void {
    this.version -= 1
    this.link = null
    link.close('greeted again in an older version')
    this.connect()
  }

  private opened(challenge: number, speaks: VersionRange): void {
    this.welcomed = true
    this.reached = true
    this.openedMs = this.options.clock.monotonicMs()
    this.pingedMs = null
    this.options.traffic.connected(this.peer.id)
    this.told = speaks
    this.sequence = challenge
    this.removed = false
    this.failures = 0
    this.loggedReason = ''
    this.options.logger.info({ peer: this.peer.name, address: this.peer.address }, 'peer reached')
  }

  private closed(link: Link, reason: string): void {
    if (link !== this.link || this.stopped) return
    if (reason !== this.loggedReason) {
      this.options.logger.warn(
        { peer: this.peer.name, address: this.peer.address, reason },
        this.welcomed ? 'link to peer lost' : 'peer not reached',
      )
      this.loggedReason = reason
    }
    this.link = null
    const { clock } = this.options
    const wasSteady = this.welcomed && clock.monotonicMs() - this.openedMs >= steadyMsMin
    this.lost()
    this.version = protocolVersion
    if ((wasSteady || this.lookDue) && !this.removed) {
      this.connect()
      return
    }
    if (this.isGone()) this.options.onGone(this.peer.id)
    const delayMs = this.removed
      ? removedRetryMs
      : Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.failures, 10))
    this.failures += 1
    const jitter = 0.5 + this.options.random.next() / 2
    this.retry = clock.setTimer(delayMs * jitter, () => this.connect())
  }

  /** By the attempt that has just failed. */
  private isGone(): boolean {
    const { presence } = this.options
    return this.reached && this.refused && presence.wasAbsentSince(this.peer.id, this.begun)
  }

  private lost(): void {
    if (!this.welcomed) return
    this.welcomed = false
    this.options.traffic.disconnected(this.peer.id)
    this.options.onLost(this.peer.id)
  }

  private ping(): void {
    const { link } = this
    if (link === null) return
    if (this.options.clock.monotonicMs() - this.lastReceivedMs > silenceMsMax) {
      // A machine that vanished never says so.
      link.close('no sign of life')
      this.closed(link, 'no sign of life')
    } else if (this.welcomed) {
      this.pingedMs ??= this.options.clock.monotonicMs()
      link.send(encodeFrame({ kind: 'ping' }))
    }
  }

  private ponged(): void {
    if (this.pingedMs === null) return
    this.options.traffic.roundTrip(this.peer.id, this.options.clock.monotonicMs() - this.pingedMs)
    this.pingedMs = null
  }
}
