// The watches of one stream, told in etcd's words. Counterpart: etcd's serverWatchStream.
//
//   create -> created reply, before any event of it -> events -> cancel -> canceled reply
//         `-> created and canceled at once: refused           `- lost: canceled, with the revision
//                                                                that is left where it was compacted
//
// The number of a watch that a compaction has ended stays taken until the client cancels it, which is
// confirmed once more: a client that does not know yet must not find another watch under its number.
//
// Requests are taken one after another, as in etcd's receive loop: the next one is not read before it is
// decided whether the watch of this one is permitted. So the number that a watch is given, and what a
// cancel meets, follow from the order of the requests alone. A number is given to what has been created;
// picked before that, it would have to be taken back from those that are refused.
//
// A client that has said all it wants (half-closed) still listens: only the end of the call ends it.

import { RaftsmanError } from '../../platform/errors.js'
import type { RpcCall, RpcReceiver } from '../../platform/rpc.js'
import { CompactedError, StoreError } from '../core/errors.js'
import { boundsOf, isEmpty } from '../core/key-range.js'
import type {
  KeyRange,
  ResponseHeader,
  Revision,
  WatchEvent,
  WatchRequest as Watch,
} from '../core/types.js'
import { protocolLimits } from '../protocol.js'
import type { Asker } from '../server/auth/guard.js'
import { WatchPump } from '../server/watch-pump.js'
import type { WatchOutput } from '../server/watch-pump.js'
import type { EtcdContext } from './context.js'
import { WatchRequest } from './messages/watch.js'
import type { WatchCreateRequest } from './messages/watch.js'
import { principalOf } from './principal.js'
import { cancelReasonOf, statusOf } from './status.js'
import type { Status } from './status.js'
import { watchResponse } from './watch-response.js'
import type { WatchHead } from './watch-response.js'

/** Unread bytes of a stream above which its watches wait. */
const streamBytesMax = 64 * 1024
/** Until a connection is looked at again whose other calls are behind. */
const connectionRetryMs = 20

/** In answers about no watch there is: refused ones, and progress of the whole stream. */
const noWatch = -1

const filter = { noPut: 0, noDelete: 1 } as const

export interface WatchStreamOptions {
  readonly context: EtcdContext
  readonly call: RpcCall
  readonly progressMs: number
  readonly ended: (stream: WatchStream) => void
}

export class WatchStream implements RpcReceiver, WatchOutput {
  readonly #context: EtcdContext
  readonly #call: RpcCall
  readonly #asker: Asker
  readonly #pump: WatchPump
  readonly #ended: (stream: WatchStream) => void
  /** Numbers of those that a compaction has ended, oldest first. */
  readonly #compacted = new Set<number>()
  /** No number below it is picked. */
  #nextId = 0
  /** It is not certain yet whether a watch is permitted. */
  #undecided = false
  #lookingAgain = false

  constructor({ context, call, progressMs, ended }: WatchStreamOptions) {
    this.#context = context
    this.#call = call
    this.#ended = ended
    this.#asker = { principal: principalOf(call) }
    this.#pump = new WatchPump({
      machine: context.machine,
      guard: context.service.guard,
      asker: this.#asker,
      clock: context.clock,
      progressMs,
      output: this,
    })
  }

  get size(): number {
    return this.#pump.size
  }

  onMessage(bytes: Uint8Array): void {
    try {
      const { createRequest, cancelRequest, progressRequest } = WatchRequest.decode(bytes)
      if (createRequest !== null) this.#create(createRequest)
      else if (cancelRequest !== null) this.#cancel(cancelRequest.watchId)
      else if (progressRequest !== null) this.#pump.progressOfAll()
    } catch (error) {
      this.end(statusOf(error))
    }
    if (this.#requestsWait) this.#call.pauseReading()
  }

  onCancel(): void {
    this.#close()
  }

  onDrain(): void {
    if (!this.#requestsWait) this.#call.resumeReading()
    this.#pump.resume()
  }

  end({ code, message }: Status): void {
    this.#call.end(code, message)
    this.#close()
  }

  /** Once a second or so. */
  tick(nowMs: number): void {
    this.#pump.tick(nowMs)
  }

  /** For the pump: more than anything while it has to wait; `resume` tells it that it need not. */
  get bufferedBytes(): number {
    const { connection, bufferedBytes } = this.#call
    if (bufferedBytes > streamBytesMax) return Number.POSITIVE_INFINITY
    if (connection.bufferedBytes <= this.#context.service.unread.share) return bufferedBytes
    this.#lookAgain()
    return Number.POSITIVE_INFINITY
  }

  get tellsWhenRead(): boolean {
    return true
  }

  created(watchId: number): void {
    this.#send({ header: this.#header(), watchId, created: true })
  }

  events(watchId: number, revision: Revision, events: readonly WatchEvent[], more: boolean): void {
    this.#send({ header: this.#header(revision), watchId, fragment: more }, events)
  }

  progress(watchId: number, revision: Revision): void {
    this.#send({ header: this.#header(revision), watchId })
  }

  progressOfAll(revision: Revision): void {
    this.progress(noWatch, revision)
  }

  ended(watchId: number, error: RaftsmanError): void {
    if (error instanceof CompactedError) {
      const { compactRevision } = error
      this.#keepTaken(watchId)
      this.#send({ header: this.#header(0), watchId, canceled: true, compactRevision })
    } else {
      const cancelReason = cancelReasonOf(error)
      this.#send({ header: this.#header(), watchId, canceled: true, cancelReason })
    }
  }

  /** Replies are not held back, so it is the requests that are. */
  get #requestsWait(): boolean {
    return this.#undecided || this.#call.bufferedBytes > streamBytesMax
  }

  #create(request: WatchCreateRequest): void {
    const { guard } = this.#context.service
    const watch = watchOf(request)
    this.#undecided = true
    try {
      guard.permitted(
        this.#asker,
        (check, by) => check.watch(by, watch),
        error => this.#decided(request, watch, error),
      )
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#decided(request, watch, error)
    }
  }

  #decided(request: WatchCreateRequest, watch: Watch, refusal: RaftsmanError | null): void {
    this.#undecided = false
    // Closed meanwhile.
    if (!this.#call.open) return
    const reason = refusal === null ? this.#open(request, watch) : cancelReasonOf(refusal)
    if (reason !== null) this.#refuse(reason)
    if (!this.#requestsWait) this.#call.resumeReading()
  }

  /** The reason for which it is not opened, the first that etcd sees. */
  #open({ watchId, fragment: fragments }: WatchCreateRequest, request: Watch): string | null {
    if (!Number.isSafeInteger(watchId)) return 'raftsman: watch ids are integers below 2^53'
    if (isEmpty(boundsOf(request))) return new StoreError('empty-watch-range').message
    const picked = watchId === 0
    const id = picked ? this.#freeId() : watchId
    if (this.#isTaken(id)) return 'mvcc: duplicate watch ID provided on the WatchStream'
    try {
      this.#pump.open({ watch: id, request, creditBytes: Number.POSITIVE_INFINITY, fragments })
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      return cancelReasonOf(error)
    }
    if (picked) this.#nextId = id + 1
    return null
  }

  #refuse(cancelReason: string): void {
    const header = this.#header()
    this.#send({ header, watchId: noWatch, created: true, canceled: true, cancelReason })
  }

  #isTaken(watchId: number): boolean {
    return this.#pump.has(watchId) || this.#compacted.has(watchId)
  }

  /** The numbers of a client that never cancels come free again, the oldest first. */
  #keepTaken(watchId: number): void {
    for (const oldest of this.#compacted) {
      if (this.#compacted.size < protocolLimits.watchesMax) break
      this.#compacted.delete(oldest)
    }
    this.#compacted.add(watchId)
  }

  #freeId(): number {
    let id = this.#nextId
    while (this.#isTaken(id)) id += 1
    return id
  }

  #cancel(watchId: number): void {
    if (!this.#compacted.delete(watchId) && !this.#pump.cancel(watchId)) return
    this.#send({ header: this.#header(), watchId, canceled: true })
  }

  #header(revision?: Revision): ResponseHeader {
    const { machine, service } = this.#context
    const header = machine.header(service.softState.term)
    return revision === undefined ? header : { ...header, revision }
  }

  #send(head: WatchHead, events?: readonly WatchEvent[]): void {
    if (!this.#call.open) return
    const message = watchResponse(head, events)
    this.#context.service.unread.sent(message.length)
    this.#call.send(message)
  }

  /** No drain of this call tells that others have drained. */
  #lookAgain(): void {
    if (this.#lookingAgain) return
    this.#lookingAgain = true
    this.#context.clock.setTimer(connectionRetryMs, () => {
      this.#lookingAgain = false
      if (this.#call.open) this.#pump.resume()
    })
  }

  #close(): void {
    this.#pump.close()
    this.#compacted.clear()
    this.#ended(this)
  }
}

function watchOf(request: WatchCreateRequest): Watch {
  const { startRevision, progressNotify, prevKv, filters } = request
  return {
    ...rangeOf(request),
    // Below the first revision lies what the first one does not show either.
    startRevision: startRevision < 0 ? 1 : Math.min(startRevision, Number.MAX_SAFE_INTEGER),
    progressNotify,
    prevKv,
    noPut: filters.includes(filter.noPut),
    noDelete: filters.includes(filter.noDelete),
  }
}

/** No key at all means the lowest there is. */
function rangeOf({ key, rangeEnd }: WatchCreateRequest): KeyRange {
  const from = key.length === 0 ? Uint8Array.of(0) : key
  return rangeEnd.length === 0 ? { key: from } : { key: from, end: rangeEnd }
}
