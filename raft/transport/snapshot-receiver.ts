// Takes a snapshot from a peer into a sink of the state machine. Nothing of it is visible before
// every chunk has arrived and the checksum over all of them is right. A transfer outlives its link:
//
//   begin ─> resume(0) ─> chunk 1, 2, 3 ─> ack 1, 2 ─✂   ... begin (same transfer) ─> resume(2) ─> chunk 3
//
// One transfer at a time for the whole node. Leaves out what the snapshot means: the core judges it
// once it is complete.

import type { Timer } from '../../platform/clock.js'
import { crc32c } from '../../platform/crc32c.js'
import { must } from '../../platform/errors.js'
import type { Link } from '../../platform/network.js'
import type { SnapshotSink } from '../state-machine.js'
import type { Frame } from './frame-codec.js'
import { encodeFrame } from './frame-codec.js'
import { PeerRefused } from './refusals.js'
import type { LinkOptions, SnapshotRequest } from './transport-options.js'

/** More than a sender has on its way by its own rules. */
const framesQueuedMax = 16
/** A transfer whose link is gone is kept for so long. */
const parkedMsMax = 30_000

type Begin = Extract<Frame, { readonly kind: 'snapshotBegin' }>
type Chunk = Extract<Frame, { readonly kind: 'snapshotChunk' }>
type End = Extract<Frame, { readonly kind: 'snapshotEnd' }>

interface Transfer {
  readonly id: number
  readonly request: SnapshotRequest
  /** Null while it is being opened. */
  sink: SnapshotSink | null
  /** Null while the sender has to come back. */
  link: Link | null
  /** Arrived, and not looked at yet. */
  queue: (Chunk | End)[]
  /** The sink opens, or takes a chunk. */
  busy: boolean
  /** The sender waits to hear where to go on. */
  resumeDue: boolean
  chunks: number
  totalBytes: number
  /** Over all chunks so far. */
  checksum: number
  parked: Timer | null
  over: boolean
}

export class SnapshotReceiver {
  private readonly options: LinkOptions
  private current: Transfer | null = null
  /** The last one that arrived whole: its sender may not have heard of it. */
  private whole: { readonly id: number; readonly request: SnapshotRequest } | null = null

  constructor(options: LinkOptions) {
    this.options = options
  }

  /** A sender begins, or goes on after its link was lost. */
  begin(link: Link, { transfer: id, message }: Begin): void {
    if (message.kind !== 'snapshotRequest')
      throw new PeerRefused('unexpected', 'not the beginning of a snapshot')
    if (this.whole !== null && isSame(this.whole, id, message)) {
      sendResult(link, true, '')
      return
    }
    const { current } = this
    if (current !== null && isSame(current, id, message)) {
      this.resume(current, link)
      return
    }
    if (current !== null && message.from !== current.request.from) {
      // Two senders mean two leaders, of which only the later one counts.
      if (message.term <= current.request.term) {
        sendResult(link, false, 'a snapshot is being taken in already')
        return
      }
    }
    if (current !== null) this.abort(current, 'replaced by a newer snapshot')
    this.open(link, id, message)
  }

  /** Throws PeerRefused when the frame is not of a transfer on this link, or is not sound. */
  receive(link: Link, frame: Chunk | End): void {
    const { current } = this
    // What was on its way when the transfer was given up.
    if (current === null) return
    if (current.link !== link) throw new PeerRefused('unexpected', 'no snapshot was begun here')
    if (current.queue.length >= framesQueuedMax)
      throw new PeerRefused('unexpected', 'more chunks at a time than allowed')
    if (frame.kind === 'snapshotChunk' && crc32c(frame.bytes) !== frame.checksum)
      throw new PeerRefused('corrupt-chunk', `chunk ${frame.sequence} does not have its checksum`)
    current.queue.push(frame)
    this.next(current)
  }

  /** The link is gone; the sender may come back on another. */
  detached(link: Link): void {
    const { current } = this
    if (current === null || current.link !== link) return
    current.link = null
    current.queue = []
    current.parked = this.options.clock.setTimer(parkedMsMax, () =>
      this.abort(current, 'its sender did not come back'),
    )
  }

  stop(): void {
    if (this.current !== null) this.abort(this.current, 'node stops')
  }

  private open(link: Link, id: number, request: SnapshotRequest): void {
    const transfer: Transfer = {
      id,
      request,
      sink: null,
      link,
      queue: [],
      busy: true,
      resumeDue: true,
      chunks: 0,
      totalBytes: 0,
      checksum: 0,
      parked: null,
      over: false,
    }
    this.current = transfer
    this.options.beginRestore(request, (error, sink) => {
      transfer.sink = sink ?? null
      if (error === null || transfer.over) this.rested(transfer)
      else this.refuse(transfer, error.message)
    })
  }

  private resume(transfer: Transfer, link: Link): void {
    transfer.parked?.cancel()
    transfer.parked = null
    // One that we take for living still: its sender knows better.
    if (transfer.link !== link) transfer.link?.close('replaced by a newer link')
    transfer.link = link
    transfer.queue = []
    transfer.resumeDue = true
    this.next(transfer)
  }

  /** The sink has nothing under way any more. */
  private rested(transfer: Transfer): void {
    transfer.busy = false
    if (transfer.over) transfer.sink?.abort()
    else this.next(transfer)
  }

  private next(transfer: Transfer): void {
    if (transfer.busy || transfer.over) return
    if (transfer.resumeDue) {
      transfer.resumeDue = false
      const sequence = transfer.chunks
      if (sequence > 0)
        this.options.logger.info({ from: transfer.request.from, sequence }, 'snapshot goes on')
      transfer.link?.send(encodeFrame({ kind: 'snapshotResume', sequence }))
    }
    const frame = transfer.queue.shift()
    if (frame === undefined) return
    if (frame.kind === 'snapshotChunk') this.write(transfer, frame)
    else this.end(transfer, frame)
  }

  private write(transfer: Transfer, { sequence, bytes }: Chunk): void {
    if (sequence !== transfer.chunks + 1) {
      this.refuse(transfer, 'a chunk out of order')
      return
    }
    transfer.busy = true
    must(transfer.sink, 'a transfer at rest has a sink').write(bytes, error => {
      if (error === null) {
        transfer.chunks = sequence
        transfer.totalBytes += bytes.length
        transfer.checksum = crc32c(bytes, 0, bytes.length, transfer.checksum)
        // On a link that came meanwhile the sender waits for the place to go on from instead.
        if (!transfer.resumeDue) transfer.link?.send(encodeFrame({ kind: 'snapshotAck', sequence }))
      }
      if (error === null || transfer.over) this.rested(transfer)
      else {
        transfer.busy = false
        this.refuse(transfer, error.message)
      }
    })
  }

  private end(transfer: Transfer, { chunks, totalBytes, checksum }: End): void {
    const isWhole =
      chunks === transfer.chunks &&
      totalBytes === transfer.totalBytes &&
      checksum === transfer.checksum
    if (!isWhole) {
      this.refuse(transfer, 'the snapshot is not whole')
      return
    }
    const { id, request, link } = transfer
    transfer.over = true
    this.current = null
    this.whole = { id, request }
    if (link !== null) sendResult(link, true, '')
    this.options.onSnapshot(request, must(transfer.sink, 'a transfer at rest has a sink'))
  }

  private refuse(transfer: Transfer, reason: string): void {
    if (transfer.link !== null) sendResult(transfer.link, false, reason)
    transfer.busy = false
    this.abort(transfer, reason)
  }

  private abort(transfer: Transfer, reason: string): void {
    if (transfer.over) return
    const { from, snapshot } = transfer.request
    this.options.logger.warn({ from, index: snapshot.index, reason }, 'snapshot not taken in')
    transfer.over = true
    transfer.parked?.cancel()
    transfer.queue = []
    if (this.current === transfer) this.current = null
    // A sink that is just being opened or written to is given back when that answers.
    if (!transfer.busy) transfer.sink?.abort()
  }
}

function isSame(
  known: { readonly id: number; readonly request: SnapshotRequest },
  id: number,
  { from, snapshot }: SnapshotRequest,
): boolean {
  const { request } = known
  return (
    known.id === id &&
    request.from === from &&
    request.snapshot.index === snapshot.index &&
    request.snapshot.term === snapshot.term
  )
}

function sendResult(link: Link, ok: boolean, reason: string): void {
  link.send(encodeFrame({ kind: 'snapshotResult', ok, reason }))
}
