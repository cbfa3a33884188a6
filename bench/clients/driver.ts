// What scenarios ask of a store, whichever protocol carries it: the same scenario is played on both sides
// through this. Requests that are repeated are prepared once, so that the load generator spends its time
// on sending.

import type { Done } from '../harness/load.js'

/** Sends a prepared request. Calls back later, never within the call. */
export type Call = (done: Done) => void

export interface RangeAsked {
  readonly key: Uint8Array
  /** One key when absent; the byte 0 is everything from `key` on. */
  readonly end?: Uint8Array
  readonly limit?: number
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
}

export interface Put {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface WatchHandlers {
  /** Values of one or more events, in order. */
  readonly onEvents: (values: readonly Uint8Array[]) => void
  readonly onReady: () => void
  readonly onEnd: (reason: string) => void
}

export interface Listed {
  readonly keys: number
  /** What carried it, as in "RangeStream". */
  readonly how: string
}

/** One connection. Promises reject with what the store said. */
export interface Driver {
  put(put: Put): Call
  range(asked: RangeAsked): Call
  /** Puts in one transaction. */
  txnPut(puts: readonly Put[]): Call
  /** A range in a transaction. */
  txnRange(asked: RangeAsked): Call
  /**
   * Reads the key and puts it if it is still as it was read, over and over until it was: what etcd's
   * client calls software transactional memory.
   */
  readModify(put: Put): Call
  /** Every key from `key` to `end` at one revision, in one go. */
  list(key: Uint8Array, end: Uint8Array): Promise<Listed>
  /** The same in pages of so many keys, each asked for behind the one before it. */
  listPages(key: Uint8Array, end: Uint8Array, pageKeys: number): Promise<Listed>
  /** Keys that a range answers with, and of all that there are. */
  look(asked: RangeAsked): Promise<{ readonly keys: number; readonly count: number }>
  watch(key: Uint8Array, end: Uint8Array, handlers: WatchHandlers): void
  /** The id is the caller's to pick, below 2^53. */
  leaseGrant(id: number, ttlSeconds: number): Promise<void>
  keepAlive(id: number): Call
  /** Of the newest change. */
  revision(): Promise<number>
  /** Answers when the space has been given back. */
  compact(revision: number): Promise<void>
  /** Of the member that this connection leads to. */
  defragment(): Promise<void>
  close(): void
}

/** A call that must work. */
export function promised(call: Call): Promise<void> {
  return new Promise((resolve, reject) => {
    call(failure => {
      if (failure === null) resolve()
      else reject(new Error(failure))
    })
  })
}
