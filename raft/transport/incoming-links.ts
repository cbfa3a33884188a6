// Links that peers made to this node: greeted, checked, and then read. A peer that breaks a rule
// loses its link; the process does not mind.

import type { Timer } from '../../platform/clock.js'
import { unreachable } from '../../platform/errors.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type { Link, LinkHandlers } from '../../platform/network.js'
import type { Frame } from './frame-codec.js'
import { decodeFrame, encodeFrame } from './frame-codec.js'
import { sentBy } from './message-codec.js'
import { SnapshotReceiver } from './snapshot-receiver.js'
import type { Peer, TransportOptions } from './transport-options.js'
import { handshakeMsMax, pingMs, silenceMsMax, wrongCertificate } from './transport-options.js'

/** A snapshot link is silent while its sender reads and our sink writes. */
const snapshotSilenceMsMax = 60_000

type Session =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'messages'; readonly peer: Peer }
  | { readonly kind: 'snapshot'; readonly peer: Peer; readonly receiver: SnapshotReceiver }

interface Incoming {
  session: Session
  lastReceivedMs: number
}

export class IncomingLinks {
  readonly handlers: LinkHandlers = {
    onOpen: link => this.opened(link),
    onFrame: (link, frame) => this.received(link, frame),
    onClose: link => this.closed(link),
  }
  private readonly options: TransportOptions
  private readonly links = new Map<Link, Incoming>()
  private readonly sweeper: Timer

  constructor(options: TransportOptions) {
    this.options = options
    this.sweeper = options.clock.setTicker(pingMs, () => this.sweep())
  }

  stop(): void {
    this.sweeper.cancel()
    for (const link of this.links.keys()) this.closed(link)
  }

  private opened(link: Link): void {
    const lastReceivedMs = this.options.clock.monotonicMs()
    this.links.set(link, { session: { kind: 'greeting' }, lastReceivedMs })
  }

  private closed(link: Link): void {
    const { session } = this.links.get(link) ?? {}
    this.links.delete(link)
    if (session?.kind === 'snapshot') session.receiver.abort()
  }

  private received(link: Link, bytes: Uint8Array): void {
    const incoming = this.links.get(link)
    if (incoming === undefined) return
    incoming.lastReceivedMs = this.options.clock.monotonicMs()
    try {
      this.read(link, incoming, decodeFrame(bytes))
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      this.options.logger.warn({ remote: link.remote, reason: error.message }, 'peer link refused')
      link.send(encodeFrame({ kind: 'refused', reason: error.message }))
      link.close(error.message)
      this.closed(link)
    }
  }

  private read(link: Link, incoming: Incoming, frame: Frame): void {
    switch (frame.kind) {
      case 'hello':
        incoming.session = this.greet(link, incoming.session, frame)
        link.send(encodeFrame({ kind: 'welcome' }))
        return
      case 'ping':
        expect(incoming.session.kind !== 'greeting', frame)
        link.send(encodeFrame({ kind: 'pong' }))
        return
      case 'messages': {
        const { session } = incoming
        if (session.kind !== 'messages') throw new MalformedFrame('messages on another channel')
        for (const message of frame.messages)
          if (!sentBy(message, session.peer.id, this.options.id))
            throw new MalformedFrame('a message of another node, or for another')
        this.options.onMessages(frame.messages)
        return
      }
      case 'snapshotBegin':
      case 'snapshotChunk':
      case 'snapshotEnd': {
        const { session } = incoming
        if (session.kind !== 'snapshot') throw new MalformedFrame('a snapshot on another channel')
        if (
          frame.kind === 'snapshotBegin' &&
          !sentBy(frame.message, session.peer.id, this.options.id)
        )
          throw new MalformedFrame('a snapshot of another node, or for another')
        session.receiver.receive(frame)
        return
      }
      case 'welcome':
      case 'refused':
      case 'pong':
      case 'snapshotAck':
      case 'snapshotResult':
        throw new MalformedFrame(`unexpected frame ${frame.kind}`)
      default:
        unreachable(frame)
    }
  }

  private greet(
    link: Link,
    session: Session,
    hello: Extract<Frame, { readonly kind: 'hello' }>,
  ): Session {
    const { options } = this
    expect(session.kind === 'greeting', hello)
    if (hello.clusterId !== options.clusterId)
      throw new MalformedFrame(
        `node "${hello.name}" is of cluster ${hello.clusterId}, this is cluster ${options.clusterId}`,
      )
    if (hello.to !== options.id)
      throw new MalformedFrame(`this is node ${options.id}, not ${hello.to}`)
    const peer = options.peers.find(({ id }) => id === hello.from)
    if (peer === undefined || hello.from === options.id)
      throw new MalformedFrame(`node ${hello.from} ("${hello.name}") is not a member`)
    const wrong = wrongCertificate(options, link, peer.name)
    if (wrong !== null) throw new MalformedFrame(wrong)
    this.replace(link, peer, hello.channel)
    if (hello.channel === 'messages') return { kind: 'messages', peer }
    return { kind: 'snapshot', peer, receiver: new SnapshotReceiver(options, link) }
  }

  /** A peer that comes again has lost its former link, though we may not have heard of it yet. */
  private replace(link: Link, peer: Peer, channel: 'messages' | 'snapshot'): void {
    for (const [other, { session }] of this.links) {
      if (other === link || session.kind !== channel || session.peer.id !== peer.id) continue
      other.close('replaced by a newer link')
      this.closed(other)
    }
  }

  private sweep(): void {
    const now = this.options.clock.monotonicMs()
    for (const [link, { session, lastReceivedMs }] of this.links) {
      const limitMs =
        session.kind === 'greeting'
          ? handshakeMsMax
          : session.kind === 'messages'
            ? silenceMsMax
            : snapshotSilenceMsMax
      if (now - lastReceivedMs <= limitMs) continue
      link.close('no sign of life')
      this.closed(link)
    }
  }
}

function expect(condition: boolean, frame: Frame): void {
  if (!condition) throw new MalformedFrame(`unexpected frame ${frame.kind}`)
}
