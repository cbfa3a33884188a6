// A place in a queue for something that one holds at a time: a key below the queue's name, tied to a
// lease; who has the lowest create revision holds it. Everybody waits for the one before. Counterpart:
// Mutex and Election of etcd's concurrency package, on the server's side.
//
//   lease -> enter (one transaction) -> first? -> held
//                                         `- the one before is gone -'

import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { RpcCall } from '../../platform/rpc.js'
import { CompactedError } from '../core/errors.js'
import type { KeyRange, KeyValue, ResponseHeader, TxnResponse } from '../core/types.js'
import type { RequestKind, WireError } from '../protocol.js'
import type { AnswerOf, RequestOf } from './calls.js'
import type { EtcdContext } from './context.js'
import { step, watchStep } from './step.js'

/** Of who comes without a lease. Nobody renews it. */
const leaseTtlSeconds = 60

export interface HeldPlace {
  readonly header: ResponseHeader
  readonly key: Uint8Array
  readonly createRevision: number
  readonly lease: number
  /** Of the transaction by which it was entered. */
  readonly entered: ResponseHeader
}

/** The place went with its lease while it was waited for. */
export const placeLost = 'place-lost'

export type PlaceDone = (error: WireError | null, place?: HeldPlace) => void

export interface QueuePlaceOptions {
  readonly context: EtcdContext
  readonly call: RpcCall
  readonly name: Uint8Array
  /** 0: a new one. */
  readonly lease: number
  readonly value: Uint8Array
  /** Once; not when the client has gone, for then the place is given up. */
  readonly done: PlaceDone
}

export class QueuePlace {
  readonly #options: QueuePlaceOptions
  readonly #prefix: Uint8Array
  #lease: number
  #key: Uint8Array = new Uint8Array(0)
  #createRevision = 0
  #entered: ResponseHeader | null = null
  #watch: { close(): void } | null = null
  #abandoned = false

  constructor(options: QueuePlaceOptions) {
    this.#options = options
    this.#prefix = queueOf(options.name)
    this.#lease = options.lease
    if (options.lease === 0) this.#grant()
    else {
      // Whoever comes with a lease comes with a fresh one.
      const renewal = { kind: 'leaseKeepAlive', id: 0, lease: options.lease } as const
      step(options.context, options.call, { ...renewal, forwarded: false }, () => {})
      this.#enter()
    }
  }

  /** The client has gone: nobody shall wait for it. */
  abandon(): void {
    this.#abandoned = true
    this.#watch?.close()
    if (this.#entered !== null) this.#leave()
  }

  #grant(): void {
    const request = { ttlSeconds: leaseTtlSeconds }
    this.#ask<'leaseGrant'>({ kind: 'leaseGrant', id: 0, request }, ({ response }) => {
      this.#lease = response.id
      if (!this.#abandoned) this.#enter()
    })
  }

  #enter(): void {
    const key = placeOf(this.#prefix, this.#lease)
    const { value } = this.#options
    const first = { kind: 'range', request: { ...below(this.#prefix), ...firstOnly } } as const
    this.#key = key
    const request = {
      compare: [{ key, target: 'create', result: 'equal', createRevision: 0 }],
      success: [{ kind: 'put', request: { key, value, lease: this.#lease } }, first],
      failure: [{ kind: 'range', request: { key } }, first],
    } as const
    this.#ask<'txn'>({ kind: 'txn', id: 0, request }, ({ response }) => this.#hasEntered(response))
  }

  #hasEntered(response: TxnResponse): void {
    const { header, succeeded } = response
    const own = succeeded ? null : firstOf(response, 0)
    this.#entered = header
    this.#createRevision = own?.createRevision ?? header.revision
    if (this.#abandoned) {
      this.#leave()
      return
    }
    const renamed = own !== null && Buffer.compare(own.value, this.#options.value) !== 0
    const act = () => {
      if (firstOf(response, 1)?.createRevision === this.#createRevision) this.#held(header)
      else this.#look()
    }
    if (renamed) this.#rename(act)
    else act()
  }

  /** Who is in the queue already may come with another value. */
  #rename(then: () => void): void {
    const request = putIfHeld(this.#key, this.#createRevision, this.#options.value, this.#lease)
    this.#ask<'txn'>({ kind: 'txn', id: 0, request }, ({ response }) => {
      if (response.succeeded) then()
      else this.#lost()
    })
  }

  /** For the youngest of those before. */
  #look(): void {
    const request = {
      ...below(this.#prefix),
      sortTarget: 'create',
      sortOrder: 'descend',
      limit: 1,
      maxCreateRevision: this.#createRevision - 1,
    } as const
    this.#ask<'range'>({ kind: 'range', id: 0, request }, ({ response: { header, kvs } }) => {
      const before = kvs[0]
      if (this.#abandoned) return
      if (before === undefined) this.#confirm()
      else this.#waitFor(before.key, header.revision)
    })
  }

  #waitFor(key: Uint8Array, revision: number): void {
    const { context, call } = this.#options
    const watch = watchStep({
      context,
      call,
      request: { key, startRevision: revision + 1, noPut: true },
      onEvents: () => {
        watch.close()
        this.#look()
      },
      onEnd: error => {
        watch.close()
        // What became of the one before is in the state, if no longer in the history.
        if (error instanceof CompactedError) this.#look()
        else this.#fail(error)
      },
    })
    this.#watch = watch
  }

  /** While it waited its lease may have run out. */
  #confirm(): void {
    const request = { key: this.#key }
    this.#ask<'range'>({ kind: 'range', id: 0, request }, ({ response: { header, kvs } }) => {
      if (this.#abandoned) return
      if (kvs[0]?.createRevision === this.#createRevision) this.#held(header)
      else this.#lost()
    })
  }

  #held(header: ResponseHeader): void {
    const entered = must(this.#entered, 'what is held was entered')
    const { done } = this.#options
    done(null, {
      header,
      key: this.#key,
      createRevision: this.#createRevision,
      lease: this.#lease,
      entered,
    })
  }

  #lost(): void {
    const message = 'the lease of the place has run out'
    this.#options.done({ code: placeLost, message, retryable: false, outcome: 'not-applied' })
  }

  #leave(): void {
    const { context, call } = this.#options
    step(context, call, { kind: 'deleteRange', id: 0, request: { key: this.#key } }, () => {})
  }

  #fail({ code, message, retryable, outcome }: WireError | RaftsmanError): void {
    if (!this.#abandoned) this.#options.done({ code, message, retryable, outcome })
  }

  #ask<K extends RequestKind>(request: RequestOf<K>, then: (answer: AnswerOf<K>) => void): void {
    const { context, call } = this.#options
    step<K>(context, call, request, (error, answer) => {
      if (error !== null) this.#fail(error)
      else then(must(answer, 'without error there is an answer'))
    })
  }
}

const firstOnly = { sortTarget: 'create', sortOrder: 'ascend', limit: 1 } as const

const slash = 0x2f

/** Everything of a queue stands below it. */
export function queueOf(name: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(name.length + 1)
  prefix.set(name)
  prefix[name.length] = slash
  return prefix
}

export function placeOf(queue: Uint8Array, lease: number): Uint8Array {
  return Buffer.concat([queue, Buffer.from(lease.toString(16))])
}

/** A queue ends with a slash, so the end of what is below it is its last byte raised. */
export function below(queue: Uint8Array): KeyRange {
  const end = queue.slice()
  end[end.length - 1] = slash + 1
  return { key: queue, end }
}

/** A transaction that writes a value if the place is still that of `createRevision`. */
export function putIfHeld(
  key: Uint8Array,
  createRevision: number,
  value: Uint8Array,
  lease: number,
) {
  return {
    compare: [{ key, target: 'create', result: 'equal', createRevision }],
    success: [{ kind: 'put', request: { key, value, lease } }],
    failure: [],
  } as const
}

function firstOf(response: TxnResponse, at: number): KeyValue | null {
  const inner = response.responses[at]
  return inner?.kind === 'range' ? (inner.response.kvs[0] ?? null) : null
}
