// What a client of a cluster under attack asked and was told, one record an operation: the history that
// checkers judge and that is written out as JSON lines. Counterpart: a history of Jepsen.

import type { Outcome } from '../../platform/errors.js'

/** Of a key when it was looked at. `revision` 0: it was not there. */
export interface Sighting {
  readonly revision: number
  readonly value: string | null
}

/** Values are never written twice, by anybody: one tells who wrote it. */
export type Call =
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string }
  /** Puts `value` if the key is still as it was seen. */
  | {
      readonly kind: 'swap'
      readonly key: string
      readonly seen: Sighting
      readonly value: string
    }
  /** Appends `item` to several lists at once, if all of them are still as they were seen. */
  | {
      readonly kind: 'append'
      readonly item: string
      readonly lists: readonly { readonly key: string; readonly seen: Sighting }[]
    }

export interface Answer {
  readonly atMs: number
  /** In the header of the answer. */
  readonly revision: number
  readonly member: number
  /** Of a read. */
  readonly found?: Sighting
  /** Whether a comparison held, or there was something to delete. */
  readonly succeeded?: boolean
}

export interface Operation {
  readonly client: number
  readonly call: Call
  readonly calledMs: number
  /** The highest revision that anybody had been told before it was asked. */
  readonly floor: number
  /** Null: it failed, and `outcome` says what is known. */
  readonly answer: Answer | null
  readonly outcome: Outcome | 'answered'
  /** Code of the error. */
  readonly error?: string
}
