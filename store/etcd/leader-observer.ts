// Who leads, and every change of it, for as long as somebody listens. Counterpart: Election.observe of
// etcd's concurrency package.
//
//   who is first? -- nobody: wait for anybody -.
//    ^    `- tell --> watch that place: tell -- gone --.
//    `------------------------------------------------'

import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { RpcCall, RpcReceiver } from '../../platform/rpc.js'
import { CompactedError } from '../core/errors.js'
import type { KeyValue, RangeRequest, WatchEvent, WatchRequest } from '../core/types.js'
import type { WireError } from '../protocol.js'
import type { EtcdContext } from './context.js'
import { LeaderResponse } from './messages/lock.js'
import { below, queueOf } from './queue-place.js'
import { statusOfFacts } from './status.js'
import { step, watchStep } from './step.js'

export function leaderRange(name: Uint8Array): RangeRequest {
  return { ...below(queueOf(name)), sortTarget: 'create', sortOrder: 'ascend', limit: 1 }
}

export class LeaderObserver implements RpcReceiver {
  readonly #context: EtcdContext
  readonly #call: RpcCall
  readonly #name: Uint8Array
  #watch: ReturnType<typeof watchStep> | null = null

  constructor(context: EtcdContext, call: RpcCall, name: Uint8Array) {
    this.#context = context
    this.#call = call
    this.#name = name
    this.#look()
  }

  onCancel(): void {
    this.#watch?.close()
  }

  onDrain(): void {
    this.#watch?.resume()
  }

  #look(): void {
    const request = leaderRange(this.#name)
    step<'range'>(this.#context, this.#call, { kind: 'range', id: 0, request }, (error, answer) => {
      if (!this.#call.open) return
      if (error !== null) {
        this.#fail(error)
        return
      }
      const { header, kvs } = must(answer, 'without error there is an answer').response
      const first = kvs[0]
      if (first === undefined) this.#waitForAnybody(header.revision)
      else {
        this.#tell(first, header.revision)
        this.#follow(first.key, header.revision)
      }
    })
  }

  #waitForAnybody(revision: number): void {
    const range = below(queueOf(this.#name))
    this.#listen({ ...range, startRevision: revision + 1, noDelete: true }, ([event]) => {
      if (event === undefined) return
      const { kv } = event
      this.#tell(kv, kv.modRevision)
      this.#follow(kv.key, kv.modRevision)
    })
  }

  #follow(key: Uint8Array, revision: number): void {
    this.#listen({ key, startRevision: revision + 1 }, (events, at) => {
      for (const { kind, kv } of events) {
        if (kind === 'delete') {
          this.#watch?.close()
          this.#look()
          return
        }
        this.#tell(kv, at)
      }
    })
  }

  #listen(
    request: WatchRequest,
    onEvents: (events: readonly WatchEvent[], revision: number) => void,
  ): void {
    this.#watch?.close()
    this.#watch = watchStep({
      context: this.#context,
      call: this.#call,
      request,
      onEvents,
      onEnd: error => this.#ended(error),
    })
  }

  #ended(error: RaftsmanError): void {
    // Who leads stands in the state, if no longer in the history.
    if (error instanceof CompactedError) this.#look()
    else this.#fail(error)
  }

  #tell(kv: KeyValue, revision: number): void {
    const { machine, service } = this.#context
    const header = { ...machine.header(service.softState.term), revision }
    this.#call.send(LeaderResponse.encode({ header, kv }))
  }

  #fail(error: WireError | RaftsmanError): void {
    this.#watch?.close()
    const { code, message } = statusOfFacts(error)
    this.#call.end(code, message)
  }
}
