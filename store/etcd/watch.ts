// etcd's Watch service: streams, each with any number of watches.

import type { Timer } from '../../platform/clock.js'
import type { RpcMethod } from '../../platform/rpc.js'
import { rpcCode } from '../../platform/rpc.js'
import type { EtcdContext } from './context.js'
import type { Status } from './status.js'
import { WatchStream } from './watch-stream.js'

/** Between two looks at who is idle. */
const tickMs = 1_000
const progressMsDefault = 600_000

export class WatchService {
  readonly #context: EtcdContext
  readonly #streams = new Set<WatchStream>()
  #ticker: Timer | null = null

  constructor(context: EtcdContext) {
    this.#context = context
  }

  get watches(): number {
    let count = 0
    for (const { size } of this.#streams) count += size
    return count
  }

  methods(): readonly (readonly [string, RpcMethod])[] {
    return [
      [
        '/etcdserverpb.Watch/Watch',
        {
          requests: 'many',
          start: call => {
            const stream = new WatchStream(this.#context, call, ended => this.#forget(ended))
            const refuse = ({ code, message }: Status) => stream.end(code, message)
            if (!this.#context.leaderGuard.refused(call, refuse)) this.#add(stream)
            return stream
          },
        },
      ],
    ]
  }

  /** So that clients go on with another member. */
  close(): void {
    for (const stream of this.#streams) {
      stream.end(rpcCode.unavailable, 'etcdserver: server stopped')
    }
  }

  /** Ticks while there is somebody to tick for. */
  #add(stream: WatchStream): void {
    this.#streams.add(stream)
    const { clock, options } = this.#context
    const progressMs = options.watchProgressMs ?? progressMsDefault
    this.#ticker ??= clock.setTicker(Math.min(tickMs, progressMs), () => {
      const nowMs = clock.monotonicMs()
      for (const one of this.#streams) one.tick(nowMs, progressMs)
    })
  }

  #forget(stream: WatchStream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#ticker?.cancel()
    this.#ticker = null
  }
}
