// Streams a snapshot to a peer, on a link of its own so that heartbeats never wait behind it. A few
// chunks are on their way at a time; the receiver acknowledges each when its sink has taken it.

import type { Timer } from '../../platform/clock.js'
import { crc32c } from '../../platform/crc32c.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type { Link } from '../../platform/network.js'
import type { SnapshotSource } from '../state-machine.js'
import type { Frame } from './frame-codec.js'
import { decodeFrame, encodeFrame } from './frame-codec.js'
import type { Peer, SnapshotRequest, TransportOptions } from './transport-options.js'
import { connectOptions, helloFrame, wrongCertificate } from './transport-options.js'

const chunkBytes = 256 * 1024
/** Chunks sent and not acknowledged. */
const chunksAheadMax = 4
/** Without any progress for so long the transfer is given up; Raft starts it anew. */
const stallMsMax = 30_000

/** Owns the source: it is closed in every case. `done` is called once. */
export class SnapshotSender {
  private readonly options: TransportOptions
  private readonly request: SnapshotRequest
  private readonly source: SnapshotSource
  private readonly done: (ok: boolean, reason: string) => void
  private readonly link: Link
  private stall: Timer
  private sent = 0
  private acknowledged = 0
  private totalBytes = 0
  private checksum = 0
  private reading = false
  private exhausted = false
  private finished = false

  constructor(
    options: TransportOptions,
    peer: Peer,
    request: SnapshotRequest,
    source: SnapshotSource,
    done: (ok: boolean, reason: string) => void,
  ) {
    this.options = options
    this.request = request
    this.source = source
    this.done = done
    this.stall = options.clock.setTimer(stallMsMax, () => this.finish(false, 'no progress'))
    this.link = options.network.connect(connectOptions(options, peer), {
      onOpen: link => {
        const wrong = wrongCertificate(options, link, peer.name)
        if (wrong === null) link.send(helloFrame(options, peer, 'snapshot'))
        else this.finish(false, wrong)
      },
      onFrame: (_link, bytes) => this.received(bytes),
      onClose: (_link, reason) => this.finish(false, reason),
    })
  }

  cancel(): void {
    this.finish(false, 'node stops')
  }

  private received(bytes: Uint8Array): void {
    if (this.finished) return
    let frame: Frame
    try {
      frame = decodeFrame(bytes)
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      this.finish(false, error.message)
      return
    }
    this.stall.cancel()
    this.stall = this.options.clock.setTimer(stallMsMax, () => this.finish(false, 'no progress'))
    switch (frame.kind) {
      case 'welcome':
        this.link.send(encodeFrame({ kind: 'snapshotBegin', message: this.request }))
        this.pump()
        return
      case 'snapshotAck':
        if (frame.sequence !== this.acknowledged + 1 || frame.sequence > this.sent)
          this.finish(false, 'acknowledged out of order')
        else {
          this.acknowledged = frame.sequence
          this.pump()
        }
        return
      case 'snapshotResult':
        this.finish(frame.ok, frame.reason)
        return
      case 'refused':
        this.finish(false, frame.reason)
        return
      case 'hello':
      case 'ping':
      case 'pong':
      case 'messages':
      case 'snapshotBegin':
      case 'snapshotChunk':
      case 'snapshotEnd':
        this.finish(false, `unexpected frame ${frame.kind}`)
        return
    }
  }

  private pump(): void {
    if (this.reading || this.exhausted || this.sent - this.acknowledged >= chunksAheadMax) return
    this.reading = true
    this.source.read(chunkBytes, (error, chunk) => {
      this.reading = false
      if (this.finished) return
      if (error !== null || chunk === undefined) {
        this.finish(false, error?.message ?? 'snapshot not readable')
        return
      }
      if (chunk === null) this.end()
      else {
        this.sent += 1
        this.totalBytes += chunk.length
        this.checksum = crc32c(chunk, 0, chunk.length, this.checksum)
        this.link.send(encodeFrame({ kind: 'snapshotChunk', sequence: this.sent, bytes: chunk }))
        this.pump()
      }
    })
  }

  private end(): void {
    this.exhausted = true
    const { sent: chunks, totalBytes, checksum } = this
    this.link.send(encodeFrame({ kind: 'snapshotEnd', chunks, totalBytes, checksum }))
  }

  private finish(ok: boolean, reason: string): void {
    if (this.finished) return
    this.finished = true
    this.stall.cancel()
    this.source.close()
    this.link.close(ok ? 'snapshot sent' : reason)
    this.done(ok, reason)
  }
}
