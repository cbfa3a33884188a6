// The watches of one stream. Each is a cursor into the store's history; events are taken from it only
// while the client reads, so that a slow one costs its cursors and one answer. Counterpart: etcd's
// serverWatchStream, whose channels and victims are what is left out here.
//
//   create -> created reply, at once and before any event of it -> events -> cancel -> canceled reply
//                                                 `- history compacted -> canceled with the revision

import { RaftsmanError } from '../../platform/errors.js'
import { rpcCode } from '../../platform/rpc.js'
import type { RpcCall, RpcReceiver } from '../../platform/rpc.js'
import { CompactedError } from '../core/errors.js'
import type { Watcher } from '../core/replica.js'
import type { KeyRange, ResponseHeader, Revision, WatchBatch } from '../core/types.js'
import { protocolLimits } from '../protocol.js'
import type { EtcdContext } from './context.js'
import { WatchRequest } from './messages/watch.js'
import type { WatchCreateRequest } from './messages/watch.js'
import { statusOf } from './status.js'
import { encodedEvent, watchResponse } from './watch-response.js'
import type { WatchHead } from './watch-response.js'

const watchesMax = 65_536
/** Unread bytes of a stream above which its watches wait. */
const streamBytesMax = 64 * 1024
/** Until a connection that is behind is looked at again. */
const connectionRetryMs = 20
/** Events taken before other streams have their turn. */
const turnBytesMax = 256 * 1024
/** Of an answer that may be cut, as in etcd. */
const fragmentBytesMax = protocolLimits.requestBytesMax

/** In answers to nobody's watch: refused ones, and progress of the whole stream. */
const noWatch = -1

const filter = { noPut: 0, noDelete: 1 } as const

interface StreamWatch {
  readonly id: number
  readonly watcher: Watcher
  readonly notify: boolean
  readonly fragment: boolean
  progressWanted: boolean
  /** When something was last said about it. */
  spokeMs: number
}

export class WatchStream implements RpcReceiver {
  readonly #context: EtcdContext
  readonly #call: RpcCall
  readonly #watches = new Map<number, StreamWatch>()
  /** Those with something to take, in the order of their turn. */
  readonly #readable = new Set<StreamWatch>()
  readonly #ended: (stream: WatchStream) => void
  #nextId = 0
  #scheduled = false
  /** Progress of the whole stream was asked for at this revision, and waits for every watch; 0: not. */
  #progressAt: Revision = 0

  constructor(context: EtcdContext, call: RpcCall, ended: (stream: WatchStream) => void) {
    this.#context = context
    this.#call = call
    this.#ended = ended
  }

  get size(): number {
    return this.#watches.size
  }

  onMessage(bytes: Uint8Array): void {
    try {
      const { createRequest, cancelRequest, progressRequest } = WatchRequest.decode(bytes)
      if (createRequest !== null) this.#create(createRequest)
      else if (cancelRequest !== null) this.#cancel(cancelRequest.watchId)
      else if (progressRequest !== null) this.#progress()
    } catch (error) {
      const { code, message } = statusOf(error)
      this.end(code, message)
    }
    // Replies to requests are not held back, so it is the requests that wait.
    if (this.#behind) this.#call.pauseReading()
  }

  onHalfClose(): void {
    this.end(rpcCode.ok, '')
  }

  onCancel(): void {
    this.#close()
  }

  onDrain(): void {
    this.#call.resumeReading()
    if (this.#readable.size > 0 || this.#progressAt > 0) this.#schedule()
  }

  end(code: Parameters<RpcCall['end']>[0], message: string): void {
    this.#call.end(code, message)
    this.#close()
  }

  /** Says how far idle watches are that asked to be told. */
  tick(nowMs: number, progressMs: number): void {
    for (const watch of this.#watches.values()) {
      if (!watch.notify || nowMs - watch.spokeMs < progressMs) continue
      watch.progressWanted = true
      this.#mark(watch)
    }
  }

  #create(request: WatchCreateRequest): void {
    const { machine, clock } = this.#context
    const range = rangeOf(request)
    const id = request.watchId === 0 ? this.#freeId() : request.watchId
    const reason = this.#refusal(id, range)
    if (reason !== null) {
      this.#refuse(reason)
      return
    }
    const { startRevision, prevKv, filters } = request
    let watch: StreamWatch | null = null
    let watcher: Watcher
    try {
      watcher = machine.openWatch(
        {
          ...range,
          // Below the first revision lies what the first one does not show either.
          startRevision: startRevision < 0 ? 1 : startRevision,
          prevKv,
          noPut: filters.includes(filter.noPut),
          noDelete: filters.includes(filter.noDelete),
        },
        () => {
          if (watch !== null) this.#mark(watch)
        },
      )
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#refuse(error.message)
      return
    }
    watch = {
      id,
      watcher,
      notify: request.progressNotify,
      fragment: request.fragment,
      progressWanted: false,
      spokeMs: clock.monotonicMs(),
    }
    this.#watches.set(id, watch)
    this.#send({ header: this.#header(), watchId: id, created: true })
    this.#mark(watch)
  }

  #refusal(id: number, range: KeyRange): string | null {
    if (this.#watches.has(id)) return 'mvcc: duplicate watch ID provided on the WatchStream'
    if (isEmpty(range)) return 'mvcc: watcher range is empty'
    if (this.#watches.size >= watchesMax) return 'raftsman: too many watches on one stream'
    return null
  }

  #refuse(cancelReason: string): void {
    const header = this.#header()
    this.#send({ header, watchId: noWatch, created: true, canceled: true, cancelReason })
  }

  #freeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId += 1
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  #cancel(id: number): void {
    const watch = this.#watches.get(id)
    if (watch === undefined) return
    this.#drop(watch)
    this.#send({ header: this.#header(), watchId: id, canceled: true })
  }

  #progress(): void {
    this.#progressAt = this.#context.machine.revision
    this.#schedule()
  }

  #header(revision?: Revision): ResponseHeader {
    const { machine, service } = this.#context
    const header = machine.header(service.softState.term)
    return revision === undefined ? header : { ...header, revision }
  }

  #mark(watch: StreamWatch): void {
    this.#readable.add(watch)
    this.#schedule()
  }

  get #behind(): boolean {
    return this.#call.bufferedBytes > streamBytesMax
  }

  #schedule(): void {
    // A stream that is behind goes on when it has drained.
    if (this.#scheduled || this.#behind || !this.#call.open) return
    this.#scheduled = true
    const { clock, service } = this.#context
    const run = () => {
      this.#scheduled = false
      if (this.#call.open) this.#pump()
    }
    if (this.#call.connection.bufferedBytes <= service.unread.share) clock.defer(run)
    else clock.setTimer(connectionRetryMs, run)
  }

  #pump(): void {
    let bytes = 0
    // Each watch in turn gives one batch and goes behind the others.
    for (const watch of this.#readable) {
      if (bytes > turnBytesMax || this.#behind) break
      this.#readable.delete(watch)
      const taken = this.#take(watch)
      if (taken === null) continue
      bytes += taken
      this.#readable.add(watch)
    }
    if (this.#progressAt > 0) this.#tellProgress()
    if (this.#readable.size > 0) this.#schedule()
  }

  /**
   * Once every watch has come as far as the store was when it was asked, not: once all have caught up,
   * which under a steady load of writes would be never.
   */
  #tellProgress(): void {
    let revision = this.#context.machine.revision
    for (const { watcher } of this.#watches.values()) {
      revision = Math.min(revision, watcher.nextRevision - 1)
    }
    if (revision < this.#progressAt) return
    this.#progressAt = 0
    this.#send({ header: this.#header(revision), watchId: noWatch })
  }

  /** Bytes taken from one watch; null when there is nothing more for now. */
  #take(watch: StreamWatch): number | null {
    let batch: WatchBatch | null
    try {
      batch = watch.watcher.next(streamBytesMax)
      if (batch === null && watch.progressWanted) {
        const progress = watch.watcher.progress()
        if (progress !== null) this.#sendBatch(watch, progress)
      }
    } catch (error) {
      this.#drop(watch)
      this.#lost(watch.id, error)
      return null
    }
    if (batch === null) return null
    // An empty batch is a slice of history in which nothing was found: some work, and nothing to say.
    return batch.events.length === 0 ? 4096 : this.#sendBatch(watch, batch)
  }

  #sendBatch(watch: StreamWatch, { revision, events }: WatchBatch): number {
    watch.spokeMs = this.#context.clock.monotonicMs()
    if (events.length === 0) watch.progressWanted = false
    const head = { header: this.#header(revision), watchId: watch.id }
    let part: Uint8Array[] = []
    let partBytes = 0
    let bytes = 0
    for (const event of events) {
      const encoded = encodedEvent(event)
      if (watch.fragment && part.length > 0 && partBytes + encoded.length > fragmentBytesMax) {
        this.#send({ ...head, fragment: true }, part)
        part = []
        partBytes = 0
      }
      part.push(encoded)
      partBytes += encoded.length
      bytes += encoded.length
    }
    this.#send(head, part)
    return bytes
  }

  #send(head: WatchHead, events?: readonly Uint8Array[]): void {
    const message = watchResponse(head, events)
    this.#context.service.unread.sent(message.length)
    this.#call.send(message)
  }

  #drop(watch: StreamWatch): void {
    this.#watches.delete(watch.id)
    this.#readable.delete(watch)
    watch.watcher.close()
  }

  /** The watch is over, the stream is not. */
  #lost(watchId: number, error: unknown): void {
    if (error instanceof CompactedError) {
      const { compactRevision } = error
      this.#send({ header: this.#header(0), watchId, canceled: true, compactRevision })
    } else {
      const cancelReason = statusOf(error).message
      this.#send({ header: this.#header(), watchId, canceled: true, cancelReason })
    }
  }

  #close(): void {
    for (const watch of this.#watches.values()) watch.watcher.close()
    this.#watches.clear()
    this.#readable.clear()
    this.#ended(this)
  }
}

/** No key at all means the lowest there is. */
function rangeOf({ key, rangeEnd }: WatchCreateRequest): KeyRange {
  const from = key.length === 0 ? Uint8Array.of(0) : key
  return rangeEnd.length === 0 ? { key: from } : { key: from, end: rangeEnd }
}

function isEmpty({ key, end }: KeyRange): boolean {
  if (end === undefined || (end.length === 1 && end[0] === 0)) return false
  return Buffer.compare(key, end) >= 0
}
