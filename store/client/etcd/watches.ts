// The watches of a client of etcd: one stream for all, each watch with the next revision that its user
// has not seen. When the stream breaks or the member changes they are created again from there, so
// that a user sees every revision once and in order. Counterpart: the watcher of clientv3.

import { must } from '../../../platform/errors.js'
import type { Clock } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Random } from '../../../platform/random.js'
import { rpcCode } from '../../../platform/rpc.js'
import type { RpcChannel, RpcFailure, RpcStream } from '../../../platform/rpc-channel.js'
import { WatchRequest as WatchRequestMessage, WatchResponse } from '../../etcd/messages/watch.js'
import type { Decoded, Encodable } from '../../../platform/protobuf-message.js'
import type { Revision, WatchEvent, WatchRequest } from '../../core/types.js'
import { StoreClientError } from '../call.js'
import type { Watch, WatchHandlers } from '../types.js'
import type { EtcdMembers } from './members.js'
import { metadata } from './members.js'
import { etcdFailure } from './status.js'
import { watchEvent, watchMessage } from './translation.js'

const path = '/etcdserverpb.Watch/Watch'
const retryMs = 250
/** A member that has not registered a watch within this time is left. */
const createMsMax = 5_000
const tickMs = 250
/** Of an answer that is about no single watch. */
const everyWatch = -1

interface Entry {
  readonly request: WatchRequest
  readonly handlers: WatchHandlers
  /** 0: from now on, and nothing has been delivered yet. */
  nextRevision: Revision
  /** Its number on the present stream; 0: it is not there. A later one is another number. */
  wireId: number
  created: boolean
  /** When it was asked for on the present stream. */
  askedMs: number
  /** Events of an answer whose rest is still to come. */
  parts: WatchEvent[]
  progressWanted: boolean
  /** Progress was asked for while it was there. */
  progressAsked: boolean
}

export interface WatchesOptions {
  readonly members: EtcdMembers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Does the present member give progress that can be relied upon? */
  readonly progressIsReliable: (channel: RpcChannel) => boolean
  /** Another way to learn that nothing is under way: null when something is. */
  readonly quietRevision: (request: WatchRequest, next: Revision) => Promise<Revision | null>
}

export class EtcdWatches {
  readonly #options: WatchesOptions
  readonly #entries = new Set<Entry>()
  readonly #byWireId = new Map<number, Entry>()
  #channel: RpcChannel | null = null
  #stream: RpcStream | null = null
  #notBeforeMs = 0
  #wireIds = 0
  #ticking = false
  #closed = false

  constructor(options: WatchesOptions) {
    this.#options = options
  }

  open(request: WatchRequest, handlers: WatchHandlers): Watch {
    const entry: Entry = {
      request: copied(request),
      handlers,
      nextRevision: request.startRevision ?? 0,
      wireId: 0,
      created: false,
      askedMs: 0,
      parts: [],
      progressWanted: false,
      progressAsked: false,
    }
    this.#entries.add(entry)
    this.#attachAll()
    this.#tickSoon()
    return {
      cancel: () => this.#cancel(entry),
      requestProgress: () => {
        if (!this.#entries.has(entry)) return
        entry.progressWanted = true
        if (entry.created) this.#askForProgress(entry)
      },
    }
  }

  /** The member in use is another one. */
  move(): void {
    this.#dropStream()
    this.#attachAll()
  }

  close(): void {
    this.#closed = true
    this.#entries.clear()
    this.#dropStream()
  }

  #cancel(entry: Entry): void {
    if (!this.#entries.delete(entry)) return
    if (entry.wireId === 0) return
    this.#byWireId.delete(entry.wireId)
    this.#send({ cancelRequest: { watchId: entry.wireId } })
    entry.wireId = 0
  }

  #attachAll(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#closed || this.#entries.size === 0 || nowMs < this.#notBeforeMs) return
    if (this.#stream === null) this.#openStream()
    for (const entry of this.#entries) {
      if (entry.wireId !== 0) continue
      this.#wireIds += 1
      entry.wireId = this.#wireIds
      entry.askedMs = nowMs
      this.#byWireId.set(entry.wireId, entry)
      this.#send({ createRequest: watchMessage(entry.request, entry.wireId, entry.nextRevision) })
    }
  }

  #openStream(): void {
    const channel = this.#options.members.current
    this.#channel = channel
    const stream = channel.open(path, metadata, {
      onMessage: bytes => {
        if (this.#stream === stream) this.#take(WatchResponse.decode(bytes, { rounded: true }))
      },
      onEnd: failure => {
        if (this.#stream === stream) this.#broke(channel, failure)
      },
    })
    this.#stream = stream
  }

  #send(message: Encodable<typeof WatchRequestMessage>): void {
    this.#stream?.send(WatchRequestMessage.encode(message))
  }

  #dropStream(): void {
    this.#stream?.cancel()
    this.#stream = null
    this.#channel = null
    for (const entry of this.#entries) unattach(entry)
    this.#byWireId.clear()
  }

  #broke(channel: RpcChannel, failure: RpcFailure | null): void {
    const { members, clock, random, logger } = this.#options
    this.#dropStream()
    this.#notBeforeMs = clock.monotonicMs() + retryMs * (0.5 + random.next() / 2)
    const reason = failure?.message ?? 'it ended the stream'
    logger.debug({ address: channel.address, reason }, 'watch stream ended')
    if (failure !== null) {
      const { error, elsewhere } = etcdFailure(failure, channel.address, true)
      if (!elsewhere && !error.retryable && failure.code !== rpcCode.cancelled) {
        this.#endAll(error)
        return
      }
    }
    members.blame(channel, reason)
    this.#tickSoon()
  }

  /** A stream that the member will not serve, for want of permission for one. */
  #endAll(error: StoreClientError): void {
    const entries = [...this.#entries]
    this.#entries.clear()
    for (const entry of entries) entry.handlers.onEnd(error)
  }

  #tickSoon(): void {
    if (this.#ticking || this.#closed) return
    this.#ticking = true
    this.#options.clock.setTimer(tickMs, () => {
      this.#ticking = false
      this.#attachAll()
      const nowMs = this.#options.clock.monotonicMs()
      const pending = [...this.#entries].filter(({ created }) => !created)
      const late = pending.some(
        ({ wireId, askedMs }) => wireId !== 0 && nowMs - askedMs > createMsMax,
      )
      if (late && this.#channel !== null) {
        const channel = this.#channel
        this.#dropStream()
        this.#options.members.blame(channel, 'it does not register watches')
      }
      if (pending.length > 0) this.#tickSoon()
    })
  }

  #take(response: Decoded<typeof WatchResponse>): void {
    const { watchId } = response
    if (watchId === everyWatch && !response.created && !response.canceled) {
      this.#progressOfAll(must(response.header, 'an answer has a header').revision)
      return
    }
    const entry = this.#byWireId.get(watchId)
    // Cancelled meanwhile; or refused on creation, where etcd names no watch.
    if (entry === undefined) {
      if (response.canceled && response.created) this.#refusedOne(response)
      return
    }
    if (response.created && !response.canceled) this.#created(entry, response)
    else if (response.canceled) this.#canceled(entry, response)
    else this.#events(entry, response)
  }

  /** Creations are answered in order: it is the first that was not. */
  #refusedOne(response: Decoded<typeof WatchResponse>): void {
    const entry = [...this.#byWireId.values()].find(({ created }) => !created)
    if (entry !== undefined) this.#canceled(entry, response)
  }

  #created(entry: Entry, response: Decoded<typeof WatchResponse>): void {
    const { revision } = must(response.header, 'an answer has a header')
    entry.created = true
    // From now on means from here on: a later reconnection must not skip what happens meanwhile.
    if (entry.nextRevision === 0) entry.nextRevision = revision + 1
    entry.handlers.onCreated?.(revision)
    if (entry.progressWanted) this.#askForProgress(entry)
  }

  #canceled(entry: Entry, response: Decoded<typeof WatchResponse>): void {
    this.#byWireId.delete(entry.wireId)
    const { compactRevision, cancelReason } = response
    if (compactRevision > 0) {
      this.#entries.delete(entry)
      entry.handlers.onEnd(compacted(), compactRevision)
      return
    }
    const code = cancelReason === '' ? rpcCode.unavailable : rpcCode.unknown
    const message = cancelReason === '' ? 'the member ended the watch' : cancelReason
    const address = this.#channel?.address ?? 'etcd'
    const { error, elsewhere } = etcdFailure({ code, message, sent: true }, address, true)
    unattach(entry)
    if (elsewhere || error.retryable) {
      const { clock, random } = this.#options
      this.#notBeforeMs = clock.monotonicMs() + retryMs * (0.5 + random.next() / 2)
      this.#tickSoon()
      return
    }
    this.#entries.delete(entry)
    entry.handlers.onEnd(error)
  }

  #events(entry: Entry, response: Decoded<typeof WatchResponse>): void {
    for (const message of response.events) {
      const event = watchEvent(message)
      // Old versions of etcd may repeat some after they were slow.
      if (event.kv.modRevision >= entry.nextRevision) entry.parts.push(event)
    }
    if (response.fragment) return
    const events = entry.parts
    entry.parts = []
    const last = events.at(-1)
    if (last !== undefined) {
      entry.nextRevision = last.kv.modRevision + 1
      entry.handlers.onBatch({ revision: last.kv.modRevision, events })
    } else if (response.events.length === 0) {
      this.#progress(entry, must(response.header, 'an answer has a header').revision)
    }
  }

  #askForProgress(entry: Entry): void {
    const { progressIsReliable, quietRevision } = this.#options
    if (this.#channel !== null && progressIsReliable(this.#channel)) {
      entry.progressAsked = true
      this.#send({ progressRequest: {} })
      return
    }
    quietRevision(entry.request, entry.nextRevision).then(
      revision => {
        if (revision !== null && this.#entries.has(entry)) this.#progress(entry, revision)
      },
      (error: unknown) => {
        this.#options.logger.debug({ error: String(error) }, 'no progress to be had')
      },
    )
  }

  #progressOfAll(revision: Revision): void {
    for (const entry of this.#byWireId.values()) {
      if (entry.created && entry.progressAsked) this.#progress(entry, revision)
    }
  }

  #progress(entry: Entry, revision: Revision): void {
    entry.progressAsked = false
    if (entry.parts.length > 0 || revision < entry.nextRevision - 1) return
    entry.progressWanted = false
    entry.nextRevision = Math.max(entry.nextRevision, revision + 1)
    entry.handlers.onBatch({ revision, events: [] })
  }
}

function unattach(entry: Entry): void {
  entry.wireId = 0
  entry.created = false
  entry.parts = []
  entry.progressAsked = false
}

function compacted(): StoreClientError {
  return new StoreClientError('etcdserver: mvcc: required revision has been compacted', {
    code: 'compacted',
    retryable: false,
    outcome: 'not-applied',
  })
}

/** The caller may reuse its buffers; the watch lives on. */
function copied(request: WatchRequest): WatchRequest {
  const key = new Uint8Array(request.key)
  return request.end === undefined
    ? { ...request, key }
    : { ...request, key, end: new Uint8Array(request.end) }
}
