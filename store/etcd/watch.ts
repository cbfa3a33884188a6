// etcd's Watch service: streams, each with any number of watches.

import type { Timer } from '../../platform/clock.js'
import type { RpcCall, RpcMethod } from '../../platform/rpc.js'
import type { EtcdContext } from './context.js'
import { serverStopped } from './status.js'
import { WatchStream } from './watch-stream.js'

/** Between two looks at who is idle. */
const tickMs = 1_000
const progressMsDefault = 600_000

export class WatchService {
  readonly #context: EtcdContext
  readonly #progressMs: number
  readonly #streams = new Set<WatchStream>()
  #ticker: Timer | null = null

  constructor(context: EtcdContext) {
    this.#context = context
    this.#progressMs = context.options.watchProgressMs ?? progressMsDefault
  }

  get streams(): number {
    return this.#streams.size
  }

  methods(): readonly (readonly [string, RpcMethod])[] {
    return [['/etcdserverpb.Watch/Watch', { requests: 'many', start: call => this.#open(call) }]]
  }

  /** So that clients go on with another member. */
  close(): void {
    for (const stream of this.#streams) stream.end(serverStopped)
  }

  #open(call: RpcCall): WatchStream {
    const context = this.#context
    const ended = (stream: WatchStream) => this.#forget(stream)
    const stream = new WatchStream({ context, call, progressMs: this.#progressMs, ended })
    if (context.service.stopping) stream.end(serverStopped)
    else if (!context.leaderGuard.refused(call, status => stream.end(status))) this.#add(stream)
    return stream
  }

  /** Ticks while there is somebody to tick for. */
  #add(stream: WatchStream): void {
    this.#streams.add(stream)
    const { clock } = this.#context
    this.#ticker ??= clock.setTicker(Math.min(tickMs, this.#progressMs), () => {
      const nowMs = clock.monotonicMs()
      for (const one of this.#streams) one.tick(nowMs)
    })
  }

  #forget(stream: WatchStream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#ticker?.cancel()
    this.#ticker = null
  }
}
