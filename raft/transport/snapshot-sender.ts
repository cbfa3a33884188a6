// Streams a snapshot to a peer, on a link of its own so that heartbeats never wait behind it. A few
// chunks are on their way at a time, and kept until the receiver's sink has taken them: a link that
// breaks costs no more than those. Counterpart: snapshot_sender.go of etcd, which starts over.

import type { Timer } from '../../platform/clock.js'
import { crc32c } from '../../platform/crc32c.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type { Link } from '../../platform/network.js'
import type { SnapshotSource } from '../state-machine.js'
import type { Frame } from './frame-codec.js'
import { decodeFrame, encodeFrame, protocolVersionMin } from './frame-codec.js'
import { PeerRefused } from './refusals.js'
import type { LinkOptions, Peer, SnapshotRequest } from './transport-options.js'
import { checkCertificate, connectOptions, helloFrame } from './transport-options.js'

const chunkBytes = 256 * 1024
/** Chunks sent and not acknowledged; kept in memory. */
const chunksAheadMax = 4
/** Without any progress for so long the transfer is given up; Raft starts it anew. */
const stallMsMax = 30_000
const retryMsMin = 100
const retryMsMax = 2000
const transfers = 2 ** 48

type Chunk = Extract<Frame, { readonly kind: 'snapshotChunk' }>

/** Owns the source: it is closed in every case. `done` is called once. */
export class SnapshotSender {
  private readonly options: LinkOptions
  private readonly peer: Peer
  private readonly request: SnapshotRequest
  private readonly source: SnapshotSource
  private readonly done: (ok: boolean, reason: string) => void
  /** Drawn anew for every transfer, for a receiver may remember older ones. */
  private readonly transfer: number
  private link: Link
  private stall: Timer
  private retry: Timer | null = null
  private failures = 0
  /** The receiver has said where to go on, on this link. */
  private flowing = false
  /** It has said so at least once: before that there is nothing to come back to. */
  private begun = false
  private sent = 0
  /** Sent and not acknowledged, in order. */
  private ahead: Chunk[] = []
  private totalBytes = 0
  private checksum = 0
  private reading = false
  private exhausted = false
  private finished = false

  constructor(
    options: LinkOptions,
    peer: Peer,
    request: SnapshotRequest,
    source: SnapshotSource,
    done: (ok: boolean, reason: string) => void,
  ) {
    this.options = options
    this.peer = peer
    this.request = request
    this.source = source
    this.done = done
    this.transfer = Math.floor(options.random.next() * transfers)
    this.stall = this.stallTimer()
    this.link = this.connect()
  }

  cancel(reason: string): void {
    this.finish(false, reason)
  }

  private get acknowledged(): number {
    return this.sent - this.ahead.length
  }

  private connect(): Link {
    const { options, peer } = this
    return options.network.connect(connectOptions(options, peer), {
      onOpen: link => {
        try {
          checkCertificate(options, link, peer.name)
          link.send(helloFrame(options, peer, 'snapshot', protocolVersionMin))
        } catch (error) {
          if (!(error instanceof PeerRefused)) throw error
          options.refusals.note(error, link.remote)
          this.finish(false, error.message)
        }
      },
      onFrame: (link, bytes) => {
        if (link === this.link) this.received(bytes)
      },
      onClose: (link, reason) => {
        if (link === this.link) this.lost(reason)
      },
    })
  }

  private lost(reason: string): void {
    if (this.finished) return
    if (!this.begun) {
      this.finish(false, reason)
      return
    }
    this.flowing = false
    const delayMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.failures, 10))
    this.failures += 1
    this.retry = this.options.clock.setTimer(delayMs, () => {
      this.link = this.connect()
    })
  }

  private received(bytes: Uint8Array): void {
    if (this.finished) return
    let frame: Frame
    try {
      frame = decodeFrame(bytes)
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      this.options.refusals.note(new PeerRefused('malformed', error.message), this.link.remote)
      this.finish(false, error.message)
      return
    }
    switch (frame.kind) {
      case 'welcome': {
        const { challenge } = frame
        const { transfer, request: message } = this
        this.link.send(encodeFrame({ kind: 'snapshotBegin', challenge, transfer, message }))
        return
      }
      case 'snapshotResume':
        this.resume(frame.sequence)
        return
      case 'snapshotAck':
        if (!this.flowing || frame.sequence !== this.acknowledged + 1 || this.ahead.length === 0)
          this.finish(false, 'acknowledged out of order')
        else {
          this.ahead.shift()
          this.progressed()
          this.pump()
        }
        return
      case 'snapshotResult':
        this.finish(frame.ok, frame.reason)
        return
      case 'refused':
        // A chunk that was damaged on its way is sent again, once the link is gone.
        if (frame.reason !== 'corrupt-chunk') this.finish(false, frame.detail)
        return
      case 'hello':
      case 'foreignHello':
      case 'ping':
      case 'pong':
      case 'roster':
      case 'messages':
      case 'snapshotBegin':
      case 'snapshotChunk':
      case 'snapshotEnd':
        this.finish(false, `unexpected frame ${frame.kind}`)
        return
    }
  }

  /** `taken`: chunks that the receiver has. What it has is not sent again, and read only once. */
  private resume(taken: number): void {
    if (this.flowing || taken < this.acknowledged || taken > this.sent) {
      this.finish(false, 'the receiver has lost the beginning')
      return
    }
    if (!this.begun || taken > this.acknowledged) this.progressed()
    this.begun = true
    this.flowing = true
    this.ahead.splice(0, taken - this.acknowledged)
    for (const chunk of this.ahead) this.sendChunk(chunk)
    if (this.exhausted) this.end()
    else this.pump()
  }

  private pump(): void {
    if (!this.flowing || this.reading || this.exhausted) return
    if (this.ahead.length >= chunksAheadMax) return
    this.reading = true
    this.source.read(chunkBytes, (error, chunk) => {
      this.reading = false
      if (this.finished) return
      if (error !== null || chunk === undefined) {
        this.finish(false, error?.message ?? 'snapshot not readable')
        return
      }
      if (chunk === null) {
        this.exhausted = true
        this.end()
      } else {
        this.add(chunk)
        this.pump()
      }
    })
  }

  private add(bytes: Uint8Array): void {
    this.sent += 1
    this.totalBytes += bytes.length
    this.checksum = crc32c(bytes, 0, bytes.length, this.checksum)
    const checksum = crc32c(bytes)
    const chunk: Chunk = { kind: 'snapshotChunk', sequence: this.sent, checksum, bytes }
    this.ahead.push(chunk)
    if (this.flowing) this.sendChunk(chunk)
  }

  private sendChunk(chunk: Chunk): void {
    const frame = encodeFrame(chunk)
    this.options.traffic.sent(this.peer.id, frame.length)
    this.link.send(frame)
  }

  private end(): void {
    if (!this.flowing) return
    const { sent: chunks, totalBytes, checksum } = this
    this.link.send(encodeFrame({ kind: 'snapshotEnd', chunks, totalBytes, checksum }))
  }

  private progressed(): void {
    this.failures = 0
    this.stall.cancel()
    this.stall = this.stallTimer()
  }

  private stallTimer(): Timer {
    return this.options.clock.setTimer(stallMsMax, () => this.finish(false, 'no progress'))
  }

  private finish(ok: boolean, reason: string): void {
    if (this.finished) return
    this.finished = true
    this.stall.cancel()
    this.retry?.cancel()
    this.source.close()
    this.link.close(ok ? 'snapshot sent' : reason)
    this.done(ok, reason)
  }
}
