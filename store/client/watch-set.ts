// The watches of a client over all its connections. Each knows the next revision that its user has
// not seen; after a change of member it is created again from there, so a user sees every revision
// once and in order. Counterpart: the watcher of etcd's client, one stream per client here.

import { must } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { KeyRange, Revision, WatchEvent, WatchRequest } from '../core/types.js'
import type { ServerMessage, WireError } from '../protocol.js'
import { memberError } from './call.js'
import type { Connection } from './connection.js'
import { isLoginTrouble } from './login.js'
import type { Watch, WatchHandlers } from './types.js'

/** Events a member may send ahead of what the user has taken. */
const creditBytesUsual = 4 * 1024 * 1024
const retryMs = 250

type WatchMessage = Extract<ServerMessage, { kind: 'watchCreated' | 'watchEvents' | 'watchEnd' }>

interface Entry {
  readonly id: number
  readonly request: WatchRequest
  readonly handlers: WatchHandlers
  /** 0: from now on, and nothing has been delivered yet. */
  nextRevision: Revision
  connection: Connection | null
  created: boolean
  /** Asked for and not seen yet; asked again of the next member. */
  progressWanted: boolean
  /** Events of a batch whose rest is still to come. */
  parts: WatchEvent[]
  /** Credit taken and not given back. */
  owedBytes: number
  notBeforeMs: number
}

export class WatchSet {
  readonly #entries = new Map<number, Entry>()
  readonly #clock: Clock
  readonly #random: Random
  readonly #creditBytes: number
  #ids = 0

  constructor(clock: Clock, random: Random, creditBytes = creditBytesUsual) {
    this.#clock = clock
    this.#random = random
    this.#creditBytes = creditBytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Every watch is with a member. */
  get settled(): boolean {
    for (const { connection } of this.#entries.values()) if (connection === null) return false
    return true
  }

  open(request: WatchRequest, handlers: WatchHandlers, current: Connection | null): Watch {
    this.#ids += 1
    const entry: Entry = {
      id: this.#ids,
      request: copied(request),
      handlers,
      nextRevision: request.startRevision ?? 0,
      connection: null,
      created: false,
      progressWanted: false,
      parts: [],
      owedBytes: 0,
      notBeforeMs: 0,
    }
    this.#entries.set(entry.id, entry)
    if (current !== null) this.#attach(entry, current)
    return {
      cancel: () => {
        if (!this.#entries.delete(entry.id)) return
        entry.connection?.send({ kind: 'watchCancel', watch: entry.id })
        entry.connection = null
      },
      requestProgress: () => {
        if (!this.#entries.has(entry.id)) return
        entry.progressWanted = true
        if (entry.created) entry.connection?.send({ kind: 'watchProgress', watch: entry.id })
      },
    }
  }

  /** Moves every watch to the connection; the old one is told to stop. */
  attachAll(connection: Connection): void {
    for (const entry of this.#entries.values()) {
      entry.connection?.send({ kind: 'watchCancel', watch: entry.id })
      this.#attach(entry, connection)
    }
  }

  detach(connection: Connection): void {
    for (const entry of this.#entries.values()) {
      if (entry.connection === connection) unattach(entry)
    }
  }

  /** Creates again what a member ended for a reason that passes. */
  tick(current: Connection | null): void {
    if (current === null) return
    const nowMs = this.#clock.monotonicMs()
    for (const entry of this.#entries.values()) {
      if (entry.connection === null && entry.notBeforeMs <= nowMs) this.#attach(entry, current)
    }
  }

  clear(): void {
    this.#entries.clear()
  }

  /** No member lets this client in. */
  refused(error: WireError): void {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    for (const { handlers } of entries) handlers.onEnd(memberError(error))
  }

  take(connection: Connection, message: WatchMessage): void {
    switch (message.kind) {
      case 'watchCreated':
        this.#with(connection, message.watch, entry => this.#created(entry, message.revision))
        return
      case 'watchEvents':
        // Looked up one by one: what is told to one may make its user cancel another.
        for (const watch of message.watches) {
          this.#with(connection, watch, entry => this.#events(entry, message))
        }
        return
      case 'watchEnd':
        this.#with(connection, message.watch, entry => this.#ended(entry, message))
    }
  }

  /** Unless it was cancelled meanwhile, or moved to another member. */
  #with(connection: Connection, watch: number, take: (entry: Entry) => void): void {
    const entry = this.#entries.get(watch)
    if (entry !== undefined && entry.connection === connection) take(entry)
  }

  #created(entry: Entry, revision: Revision): void {
    entry.created = true
    // From now on means from here on: a later reconnection must not skip what happens meanwhile.
    if (entry.nextRevision === 0) entry.nextRevision = revision + 1
    if (entry.progressWanted) entry.connection?.send({ kind: 'watchProgress', watch: entry.id })
    entry.handlers.onCreated?.(revision)
  }

  #events(entry: Entry, message: Extract<WatchMessage, { kind: 'watchEvents' }>): void {
    entry.owedBytes += message.bytes
    if (entry.owedBytes * 2 >= this.#creditBytes) {
      const connection = must(entry.connection, 'events come over a connection')
      connection.send({ kind: 'watchCredit', watch: entry.id, creditBytes: entry.owedBytes })
      entry.owedBytes = 0
    }
    if (message.more) {
      entry.parts.push(...message.events)
      return
    }
    const events = entry.parts.length === 0 ? message.events : [...entry.parts, ...message.events]
    entry.parts = []
    const { revision } = message
    if (events.length === 0) entry.progressWanted = false
    else if (revision < entry.nextRevision) return
    entry.nextRevision = Math.max(entry.nextRevision, revision + 1)
    entry.handlers.onBatch({ revision, events })
  }

  #ended(entry: Entry, message: Extract<WatchMessage, { kind: 'watchEnd' }>): void {
    const renewing = isLoginTrouble(message.error.code) && entry.connection?.renewLogin() === true
    if (message.error.retryable || renewing) {
      unattach(entry)
      entry.notBeforeMs = this.#clock.monotonicMs() + retryMs * (0.5 + this.#random.next() / 2)
      return
    }
    this.#entries.delete(entry.id)
    const { compactRevision } = message
    const error = memberError(message.error)
    if (compactRevision > 0) entry.handlers.onEnd(error, compactRevision)
    else entry.handlers.onEnd(error)
  }

  #attach(entry: Entry, connection: Connection): void {
    unattach(entry)
    entry.connection = connection
    connection.send({
      kind: 'watchCreate',
      watch: entry.id,
      request: { ...entry.request, startRevision: entry.nextRevision },
      creditBytes: this.#creditBytes,
    })
  }
}

function unattach(entry: Entry): void {
  entry.connection = null
  entry.created = false
  entry.parts = []
  entry.owedBytes = 0
}

/** The caller may reuse its buffers; the watch lives on. */
function copied(request: WatchRequest): WatchRequest {
  const { moreRanges } = request
  return {
    ...request,
    ...copiedRange(request),
    ...(moreRanges === undefined ? {} : { moreRanges: moreRanges.map(copiedRange) }),
  }
}

function copiedRange({ key, end }: KeyRange): KeyRange {
  return end === undefined
    ? { key: new Uint8Array(key) }
    : { key: new Uint8Array(key), end: new Uint8Array(end) }
}
