// Takes a snapshot from a peer into a sink of the state machine. Nothing of it is visible before
// every chunk has arrived and the checksum over all of them is right.

import { crc32c } from '../../platform/crc32c.js'
import type { Link } from '../../platform/network.js'
import type { SnapshotSink } from '../state-machine.js'
import type { Frame } from './frame-codec.js'
import { encodeFrame } from './frame-codec.js'
import type { SnapshotRequest, TransportOptions } from './transport-options.js'

/** More than a sender has on its way by its own rules. */
const chunksQueuedMax = 16

type SnapshotFrame = Extract<
  Frame,
  { readonly kind: 'snapshotBegin' | 'snapshotChunk' | 'snapshotEnd' }
>

export class SnapshotReceiver {
  private readonly options: TransportOptions
  private readonly link: Link
  private request: SnapshotRequest | null = null
  private sink: SnapshotSink | null = null
  private queue: SnapshotFrame[] = []
  private busy = false
  private chunks = 0
  private totalBytes = 0
  private checksum = 0
  private over = false

  constructor(options: TransportOptions, link: Link) {
    this.options = options
    this.link = link
  }

  receive(frame: SnapshotFrame): void {
    if (this.over) return
    if (this.queue.length >= chunksQueuedMax) {
      this.refuse('more chunks at a time than allowed')
      return
    }
    this.queue.push(frame)
    this.next()
  }

  /** The link is gone. */
  abort(): void {
    if (this.over) return
    this.over = true
    this.queue = []
    // A sink that is just being opened or written to is given back when that answers.
    if (!this.busy) this.sink?.abort()
  }

  private next(): void {
    const frame = this.busy ? undefined : this.queue.shift()
    if (frame === undefined) return
    switch (frame.kind) {
      case 'snapshotBegin':
        this.begin(frame)
        return
      case 'snapshotChunk':
        this.chunk(frame)
        return
      case 'snapshotEnd':
        this.end(frame)
        return
    }
  }

  private begin(frame: Extract<SnapshotFrame, { kind: 'snapshotBegin' }>): void {
    const { message } = frame
    if (this.request !== null || message.kind !== 'snapshotRequest') {
      this.refuse('not the beginning of a snapshot')
      return
    }
    this.request = message
    this.busy = true
    this.options.beginRestore(message, (error, sink) => {
      this.busy = false
      this.sink = sink ?? null
      if (this.over) this.sink?.abort()
      else if (error !== null) this.refuse(error.message)
      else this.next()
    })
  }

  private chunk(frame: Extract<SnapshotFrame, { kind: 'snapshotChunk' }>): void {
    const { sink } = this
    if (sink === null || frame.sequence !== this.chunks + 1) {
      this.refuse('a chunk out of order')
      return
    }
    this.chunks += 1
    this.totalBytes += frame.bytes.length
    this.checksum = crc32c(frame.bytes, 0, frame.bytes.length, this.checksum)
    this.busy = true
    sink.write(frame.bytes, error => {
      this.busy = false
      if (this.over) sink.abort()
      else if (error !== null) this.refuse(error.message)
      else {
        this.link.send(encodeFrame({ kind: 'snapshotAck', sequence: frame.sequence }))
        this.next()
      }
    })
  }

  private end(frame: Extract<SnapshotFrame, { kind: 'snapshotEnd' }>): void {
    const { sink, request } = this
    const whole =
      frame.chunks === this.chunks &&
      frame.totalBytes === this.totalBytes &&
      frame.checksum === this.checksum
    if (sink === null || request === null || !whole) {
      this.refuse('the snapshot is not whole')
      return
    }
    this.over = true
    this.link.send(encodeFrame({ kind: 'snapshotResult', ok: true, reason: '' }))
    this.options.onSnapshot(request, sink)
  }

  private refuse(reason: string): void {
    this.link.send(encodeFrame({ kind: 'snapshotResult', ok: false, reason }))
    this.options.logger.warn({ remote: this.link.remote, reason }, 'snapshot refused')
    this.abort()
  }
}
