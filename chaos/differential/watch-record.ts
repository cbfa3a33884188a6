// What one watch stream of one side delivered, watch by watch, and what each side has to keep by
// itself: events in order, none twice, a revision never cut in two, progress never ahead of events.
// How events are cut into responses is up to the server and is no part of the record.

import type { Message, Value } from './operation.js'
import type { Method } from './schema.js'
import { fromWire, type Symbols } from './translation.js'
import type { StreamHandlers, Wire, WireStream } from './wire.js'

const settleMsMax = 20_000

export interface WatchRecord {
  readonly events: Message[]
  /** The response that ended it. */
  canceled: Message | null
  lastRevision: number
  /** The response before, which was no fragment, went up to here. */
  closedUpTo: number
  /** Progress said that everything up to here was delivered. */
  promisedUpTo: number
}

export class WatchStream {
  readonly #stream: WireStream
  readonly #watches = new Map<number, WatchRecord>()
  readonly #created: Message[] = []
  readonly #progress: Message[] = []
  readonly #broken: string[] = []
  #strays: Message[] = []
  #ended: string | null = null
  #wake: (() => void)[] = []

  constructor(wire: Wire, method: Method, symbols: Symbols, token: string | null) {
    const handlers: StreamHandlers = {
      onMessage: message => {
        this.#take(fromWire(method.response, message, symbols))
        this.#wakeAll()
      },
      onEnd: refusal => {
        this.#ended ??= refusal === null ? 'ended' : `${refusal.code} ${refusal.text}`
        this.#wakeAll()
      },
    }
    this.#stream = wire.stream(method, handlers, token)
  }

  get watches(): ReadonlyMap<number, WatchRecord> {
    return this.#watches
  }

  /** Rules that a side has broken by itself, as sentences. */
  get broken(): readonly string[] {
    return this.#broken
  }

  /** Null while it is open. */
  get ended(): string | null {
    return this.#ended
  }

  /** Ends of watches that had ended before, since the last time this was asked. */
  takeStrays(): readonly Message[] {
    const strays = this.#strays
    this.#strays = []
    return strays
  }

  /** As if it had never been there. */
  forget(id: number): void {
    this.#watches.delete(id)
  }

  send(message: object): void {
    this.#stream.send(message)
  }

  /** The next answer to a creation. */
  async nextCreated(): Promise<Message> {
    return (await this.#next(this.#created)) ?? { none: this.#ended ?? 'no answer in time' }
  }

  async nextProgress(): Promise<Message> {
    return (await this.#next(this.#progress)) ?? { none: this.#ended ?? 'no answer in time' }
  }

  /** False when it did not come to that in time, or the stream ended. */
  async until(holds: () => boolean): Promise<boolean> {
    const endMs = performance.now() + settleMsMax
    while (!holds()) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0 || this.#ended !== null) return false
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return true
  }

  close(): void {
    this.#ended = 'closed'
    this.#stream.cancel()
    this.#wakeAll()
  }

  async #next(queue: Message[]): Promise<Message | undefined> {
    await this.until(() => queue.length > 0)
    return queue.shift()
  }

  #wakeAll(): void {
    const wake = this.#wake
    this.#wake = []
    for (const one of wake) one()
  }

  #take(response: Message): void {
    const id = Number(response['watch_id'] ?? 0)
    if (response['created'] === true) {
      this.#created.push(response)
      if (response['canceled'] !== true) {
        this.#watches.set(id, {
          events: [],
          canceled: null,
          lastRevision: 0,
          closedUpTo: 0,
          promisedUpTo: 0,
        })
      }
      return
    }
    const events = (response['events'] ?? []) as readonly Message[]
    if (id === -1 && events.length === 0 && response['canceled'] !== true) {
      const revision = Number((response['header'] as Message)['revision'])
      for (const record of this.#watches.values()) record.promisedUpTo = revision
      this.#progress.push(response)
      return
    }
    const record = this.#watches.get(id)
    if (record === undefined || record.canceled !== null) {
      if (response['canceled'] === true) {
        this.#strays.push(withoutHeader(response))
        return
      }
      this.#broken.push(`watch ${id} is not there and got ${JSON.stringify(response)}`)
      return
    }
    if (response['canceled'] === true) record.canceled = withoutHeader(response)
    if (events.length > 0) this.#events(id, record, events, response['fragment'] === true)
  }

  #events(id: number, record: WatchRecord, events: readonly Message[], fragment: boolean): void {
    for (const event of events) {
      const revision = Number((event['kv'] as Message)['mod_revision'])
      if (revision < record.lastRevision) {
        this.#broken.push(`watch ${id}: revision ${revision} behind ${record.lastRevision}`)
      }
      if (revision <= record.closedUpTo) {
        this.#broken.push(`watch ${id}: revision ${revision} came in two responses`)
      }
      if (revision <= record.promisedUpTo) {
        this.#broken.push(
          `watch ${id}: revision ${revision} behind the progress of ${record.promisedUpTo}`,
        )
      }
      record.lastRevision = revision
      record.events.push(event)
    }
    if (!fragment) record.closedUpTo = record.lastRevision
  }
}

/** When a watch is ended is no part of what is compared. */
function withoutHeader(response: Message): Message {
  const rest: Record<string, Value> = { ...response }
  delete rest['header']
  return rest
}
