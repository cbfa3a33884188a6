// Our own client as it ships, with its own defaults but for limits that a load generator would meet.

import { RaftsmanError } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeNetwork } from '../../platform/node/network.js'
import { nodeRandom } from '../../platform/node/random.js'
import { pagesOf } from '../../store/client/pages.js'
import { StoreClient } from '../../store/client/store-client.js'
import type { RangeRequest } from '../../store/core/types.js'
import type { Done } from '../harness/load.js'
import type { Call, Driver, Listed, Put, RangeAsked, WatchHandlers } from './driver.js'

const requestTimeoutMs = 30_000
/** A thousand requests of 64 KiB, and some more. */
const callBytesMax = 512 * 1024 * 1024
const defragmentPollMs = 50

const whatOf = (error: unknown): string =>
  error instanceof RaftsmanError ? error.code : String(error)

export class NativeDriver implements Driver {
  readonly #client: StoreClient

  /** The first endpoint is used whenever it is well. */
  constructor(endpoints: readonly string[]) {
    this.#client = new StoreClient({
      endpoints,
      tls: null,
      clock: nodeClock(),
      random: nodeRandom(),
      network: nodeNetwork(silentLogger),
      logger: silentLogger,
      clientName: 'raftsman-bench',
      requestTimeoutMs,
      callBytesMax,
    })
  }

  put({ key, value }: Put): Call {
    const request = { key, value }
    return calling(() => this.#client.put(request))
  }

  range(asked: RangeAsked): Call {
    const request = requestOf(asked)
    return calling(() => this.#client.range(request))
  }

  txnPut(puts: readonly Put[]): Call {
    const request = {
      compare: [],
      success: puts.map(({ key, value }) => ({ kind: 'put', request: { key, value } }) as const),
      failure: [],
    }
    return calling(() => this.#client.txn(request))
  }

  txnRange(asked: RangeAsked): Call {
    const success = [{ kind: 'range', request: requestOf(asked) } as const]
    const request = { compare: [], success, failure: [] }
    return calling(() => this.#client.txn(request))
  }

  readModify({ key, value }: Put): Call {
    return calling(async () => {
      for (;;) {
        const { kvs } = await this.#client.range({ key })
        const modRevision = kvs[0]?.modRevision ?? 0
        const { succeeded } = await this.#client.txn({
          compare: [{ target: 'mod', result: 'equal', key, modRevision }],
          success: [{ kind: 'put', request: { key, value } }],
          failure: [],
        })
        if (succeeded) return
      }
    })
  }

  async list(key: Uint8Array, end: Uint8Array): Promise<Listed> {
    const { kvs } = await this.#client.range({ key, end })
    return { keys: kvs.length, how: 'one range, its answer in parts' }
  }

  async listPages(key: Uint8Array, end: Uint8Array, pageKeys: number): Promise<Listed> {
    let keys = 0
    for await (const { kvs } of pagesOf(this.#client, { key, end }, { pageKeys }))
      keys += kvs.length
    return { keys, how: `pages of ${pageKeys}` }
  }

  async look(asked: RangeAsked): Promise<{ readonly keys: number; readonly count: number }> {
    const { kvs, count } = await this.#client.range(requestOf(asked))
    return { keys: kvs.length, count }
  }

  watch(key: Uint8Array, end: Uint8Array, { onEvents, onReady, onEnd }: WatchHandlers): void {
    let ready = false
    this.#client.watch(
      { key, end },
      {
        onBatch: ({ events }) => {
          if (events.length > 0) onEvents(events.map(({ kv }) => kv.value))
        },
        onCreated: () => {
          if (!ready) onReady()
          ready = true
        },
        onEnd: error => onEnd(whatOf(error)),
      },
    )
  }

  async leaseGrant(id: number, ttlSeconds: number): Promise<void> {
    await this.#client.leaseGrant({ id, ttlSeconds })
  }

  keepAlive(id: number): Call {
    return calling(() => this.#client.leaseKeepAlive(id))
  }

  async revision(): Promise<number> {
    const { header } = await this.#client.range({ key: Uint8Array.of(0), countOnly: true })
    return header.revision
  }

  async compact(revision: number): Promise<void> {
    await this.#client.compact({ revision, physical: true })
  }

  async defragment(): Promise<void> {
    let { defragmenting } = await this.#client.space(true)
    while (defragmenting) {
      await new Promise(resolve => {
        setTimeout(resolve, defragmentPollMs)
      })
      ;({ defragmenting } = await this.#client.space(false))
    }
  }

  close(): void {
    this.#client.close()
  }
}

function calling(ask: () => Promise<unknown>): Call {
  return (done: Done) => {
    ask().then(
      () => done(null),
      (error: unknown) => done(whatOf(error)),
    )
  }
}

function requestOf(asked: RangeAsked): RangeRequest {
  const { key, end, limit = 0, serializable = false, keysOnly = false, countOnly = false } = asked
  // Two literals, for V8 gives what is spread into a third a shape of its own, and is slow to read it.
  return end === undefined
    ? { key, limit, serializable, keysOnly, countOnly }
    : { key, end, limit, serializable, keysOnly, countOnly }
}
