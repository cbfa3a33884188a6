// Links that peers made to this node: greeted, checked, and then read. A peer that breaks a rule is
// told which, and loses its link; the process does not mind.

import type { Timer } from '../../platform/clock.js'
import { unreachable } from '../../platform/errors.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type { Link, LinkHandlers } from '../../platform/network.js'
import { frameTooLarge } from '../../platform/network.js'
import type { Frame } from './frame-codec.js'
import {
  decodeFrame,
  encodeFrame,
  frameBytesMax,
  protocolVersion,
  protocolVersionMin,
} from './frame-codec.js'
import { sentBy } from './message-codec.js'
import { PeerRefused } from './refusals.js'
import { SnapshotReceiver } from './snapshot-receiver.js'
import type { LinkOptions, Peer } from './transport-options.js'
import {
  checkCertificate,
  firstVersions,
  handshakeMsMax,
  pingMs,
  silenceMsMax,
} from './transport-options.js'

/** A snapshot link is silent while its sender reads and our sink writes. */
const snapshotSilenceMsMax = 60_000
const challenges = 2 ** 40

type Session =
  | { readonly kind: 'greeting' }
  /** `sequence` is that of the last frame with messages. */
  | { readonly kind: 'messages'; readonly peer: Peer; sequence: number }
  | { readonly kind: 'snapshot'; readonly peer: Peer; readonly challenge: number }

type Of<K extends Frame['kind']> = Extract<Frame, { readonly kind: K }>

interface Incoming {
  session: Session
  lastReceivedMs: number
}

export class IncomingLinks {
  readonly handlers: LinkHandlers = {
    onOpen: link => this.opened(link),
    onFrame: (link, frame) => this.received(link, frame),
    onClose: (link, reason) => this.closed(link, reason),
  }
  private readonly options: LinkOptions
  private readonly links = new Map<Link, Incoming>()
  private readonly snapshots: SnapshotReceiver
  private readonly sweeper: Timer

  constructor(options: LinkOptions) {
    this.options = options
    this.snapshots = new SnapshotReceiver(options)
    this.sweeper = options.clock.setTicker(pingMs, () => this.sweep())
  }

  stop(): void {
    this.sweeper.cancel()
    this.links.clear()
    this.snapshots.stop()
  }

  /** The members have changed: those that are none any more go, the others are told. */
  contactsChanged(): void {
    const roster = encodeFrame({ kind: 'roster', roster: this.options.contacts.roster() })
    for (const [link, { session }] of this.links) {
      if (session.kind === 'greeting') continue
      const { id, name } = session.peer
      if (this.options.contacts.find(id) === undefined) this.refuse(link, this.stranger(id, name))
      else if (session.kind === 'messages') link.send(roster.slice())
    }
  }

  private opened(link: Link): void {
    const lastReceivedMs = this.options.clock.monotonicMs()
    this.links.set(link, { session: { kind: 'greeting' }, lastReceivedMs })
  }

  private closed(link: Link, reason: string): void {
    const session = this.links.get(link)?.session
    if (session === undefined) return
    this.links.delete(link)
    this.snapshots.detached(link)
    if (session.kind === 'messages') this.options.presence.left(session.peer.id)
    if (reason === frameTooLarge)
      this.options.refusals.note(new PeerRefused('oversized', reason), link.remote)
  }

  private received(link: Link, bytes: Uint8Array): void {
    const incoming = this.links.get(link)
    if (incoming === undefined) return
    incoming.lastReceivedMs = this.options.clock.monotonicMs()
    try {
      if (bytes.length > frameBytesMax)
        throw new PeerRefused('oversized', `a frame of more than ${frameBytesMax} bytes`)
      const { session } = incoming
      if (session.kind !== 'greeting') this.options.traffic.received(session.peer.id, bytes.length)
      this.read(link, incoming, decodeFrame(bytes))
    } catch (error) {
      if (error instanceof PeerRefused) this.refuse(link, error)
      else if (error instanceof MalformedFrame)
        this.refuse(link, new PeerRefused('malformed', error.message))
      else throw error
    }
  }

  private refuse(link: Link, refusal: PeerRefused): void {
    this.options.refusals.note(refusal, link.remote)
    const { reason, message: detail } = refusal
    link.send(encodeFrame({ kind: 'refused', reason, detail }))
    link.close(detail)
    this.closed(link, detail)
  }

  private read(link: Link, incoming: Incoming, frame: Frame): void {
    const { session } = incoming
    if (frame.kind === 'hello') {
      incoming.session = this.greet(link, session, frame)
      return
    }
    if (frame.kind === 'foreignHello')
      throw new PeerRefused(
        'wrong-version',
        `protocol version ${frame.version}, spoken here are ${protocolVersionMin} to ${protocolVersion}`,
      )
    if (session.kind === 'greeting')
      throw new PeerRefused('not-greeted', `a frame ${frame.kind} before the greeting`)
    switch (frame.kind) {
      case 'ping':
        link.send(encodeFrame({ kind: 'pong' }))
        return
      case 'messages':
        if (session.kind !== 'messages') throw unexpected(frame)
        this.takeMessages(session, frame)
        return
      case 'snapshotBegin':
        if (session.kind !== 'snapshot') throw unexpected(frame)
        if (frame.challenge !== session.challenge)
          throw new PeerRefused('replayed', 'a snapshot that was begun on another link')
        if (!sentBy(frame.message, session.peer.id, this.options.id)) throw foreign()
        this.snapshots.begin(link, frame)
        return
      case 'snapshotChunk':
      case 'snapshotEnd':
        if (session.kind !== 'snapshot') throw unexpected(frame)
        this.snapshots.receive(link, frame)
        return
      case 'welcome':
      case 'refused':
      case 'pong':
      case 'roster':
      case 'snapshotResume':
      case 'snapshotAck':
      case 'snapshotResult':
        throw unexpected(frame)
      default:
        unreachable(frame)
    }
  }

  private takeMessages(
    session: Extract<Session, { readonly kind: 'messages' }>,
    { sequence, messages }: Of<'messages'>,
  ): void {
    if (sequence !== session.sequence + 1)
      throw new PeerRefused(
        'replayed',
        `frame ${sequence} behind frame ${session.sequence}: repeated, left out, or of another link`,
      )
    for (const message of messages)
      if (!sentBy(message, session.peer.id, this.options.id)) throw foreign()
    session.sequence = sequence
    this.options.onMessages(messages)
  }

  private greet(link: Link, session: Session, hello: Of<'hello'>): Session {
    const { options } = this
    if (session.kind !== 'greeting') throw unexpected(hello)
    if (hello.clusterId !== options.clusterId)
      throw new PeerRefused(
        'wrong-cluster',
        `node "${hello.name}" is of cluster ${hello.clusterId}, this is cluster ${options.clusterId}`,
      )
    if (hello.to !== options.id)
      throw new PeerRefused('wrong-node', `this is node ${options.id}, not ${hello.to}`)
    const peer = options.contacts.find(hello.from)
    if (peer === undefined) throw this.stranger(hello.from, hello.name)
    checkCertificate(options, link, peer.name)
    // Before the older link ends, or it would seem to have left.
    if (hello.channel === 'messages') options.presence.arrived(peer.id)
    this.replace(link, peer, hello.channel)
    const challenge = Math.floor(options.random.next() * challenges)
    const speaks = hello.version < 3 ? null : (options.speaks ?? firstVersions)
    link.send(encodeFrame({ kind: 'welcome', challenge, speaks }))
    if (hello.channel === 'snapshot') return { kind: 'snapshot', peer, challenge }
    link.send(encodeFrame({ kind: 'roster', roster: options.contacts.roster() }))
    return { kind: 'messages', peer, sequence: challenge }
  }

  private stranger(id: number, name: string): PeerRefused {
    const known = this.options.contacts.wasRemoved(id as Peer['id'])
    return known
      ? new PeerRefused(
          'removed-peer',
          `node ${id} ("${name}") is not a member of this cluster any more; give a machine that ` +
            'comes back a new id, and add it',
        )
      : new PeerRefused(
          'unknown-peer',
          `node ${id} ("${name}") is not a member of this cluster; add it first`,
        )
  }

  /** A peer that comes again has lost its former link, though we may not have heard of it yet. */
  private replace(link: Link, peer: Peer, channel: 'messages' | 'snapshot'): void {
    for (const [other, { session }] of this.links) {
      if (other === link || session.kind !== channel || session.peer.id !== peer.id) continue
      other.close('replaced by a newer link')
      this.closed(other, 'replaced by a newer link')
    }
  }

  private sweep(): void {
    const now = this.options.clock.monotonicMs()
    for (const [link, { session, lastReceivedMs }] of this.links) {
      const limitMs = silenceMsMaxOf(session)
      if (now - lastReceivedMs <= limitMs) continue
      const silent = new PeerRefused('silent', `no sign of life for ${limitMs} ms`)
      this.options.refusals.note(silent, link.remote)
      link.close(silent.message)
      this.closed(link, silent.message)
    }
  }
}

function silenceMsMaxOf({ kind }: Session): number {
  if (kind === 'greeting') return handshakeMsMax
  return kind === 'messages' ? silenceMsMax : snapshotSilenceMsMax
}

function unexpected(frame: Frame): PeerRefused {
  return new PeerRefused('unexpected', `unexpected frame ${frame.kind}`)
}

function foreign(): PeerRefused {
  return new PeerRefused('foreign-message', 'a message of another node, or for another')
}
