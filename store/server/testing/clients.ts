// Store clients for tests, and what they wait for.

import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeNetwork } from '../../../platform/node/network.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { StoreClientOptions } from '../../client/store-client.js'
import { StoreClient } from '../../client/store-client.js'
import type { Store, Watch } from '../../client/types.js'
import type { WatchEvent, WatchRequest } from '../../core/types.js'

export const utf8 = (text: string): Uint8Array => Buffer.from(text)
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
export const everyKey = { key: Uint8Array.of(0), end: Uint8Array.of(0) }

export function clientOf(
  endpoints: readonly string[],
  options: Partial<StoreClientOptions> = {},
): StoreClient {
  return new StoreClient({
    endpoints,
    tls: null,
    clock: nodeClock(),
    random: nodeRandom(),
    network: nodeNetwork(silentLogger),
    logger: silentLogger,
    ...options,
  })
}

/** A watch that keeps what it saw, and lets a test wait for it. */
export class Seen {
  readonly events: WatchEvent[] = []
  readonly revisions: number[] = []
  progress: number[] = []
  created: number[] = []
  end: { readonly error: Error; readonly compactRevision: number | undefined } | null = null
  readonly watch: Watch
  #wake: () => void = () => {}

  constructor(client: Store, request: WatchRequest) {
    this.watch = client.watch(request, {
      onBatch: batch => {
        if (batch.events.length === 0) this.progress.push(batch.revision)
        else this.revisions.push(batch.revision)
        this.events.push(...batch.events)
        this.#wake()
      },
      onEnd: (error, compactRevision) => {
        this.end = { error, compactRevision }
        this.#wake()
      },
      onCreated: revision => {
        this.created.push(revision)
        this.#wake()
      },
    })
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  get values(): readonly string[] {
    return this.events.map(
      ({ kind, kv }) => `${text(kv.key)}=${kind === 'put' ? text(kv.value) : ''}`,
    )
  }
}
