// Compare-and-swap of single objects in the store, with what belongs to the same transaction:
// claims on cluster IPs and node ports with what they rest on, and what an object costs its quotas. Where the store cannot say whether a write happened, the
// same transaction is offered again: its compares make that safe, and its answer mostly tells.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Store } from '../../store/client/types.js'
import type {
  Compare,
  KeyValue,
  RequestOp,
  TxnRequest,
  TxnResponse,
} from '../../store/core/types.js'
import { requestEntityTooLarge, serviceUnavailable, timeout } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import { keyBytes } from './keys.js'
import { StoredObject } from './stored-object.js'

/** Objects above this are refused before they are sent; the store takes 1.5 MiB a request. */
export const objectBytesMax = 1_400_000
const unknownRetriesMax = 3
const unknownRetryMs = 200
export const retryAfterSeconds = 1

/** Another object that changes in the same transaction, if it is as it was. */
export interface BesideWrite {
  readonly key: string
  readonly expected: number
  readonly value: Uint8Array
}

export interface Write {
  readonly key: string
  /** Mod revision that the key must have; 0: it must not exist. */
  readonly expected: number
  /** Null deletes. */
  readonly value: Uint8Array | null
  /** 0: none. */
  readonly lease: number
  /** Keys outside of /registry/ that nobody may hold yet, with the holder's note. */
  readonly claims: ReadonlyMap<string, Uint8Array>
  readonly releases: readonly string[]
  readonly beside?: readonly BesideWrite[]
  /** Keys that must be as they were read, with their mod revisions. */
  readonly bases?: ReadonlyMap<string, number>
}

export type Commit =
  | { readonly kind: 'committed'; readonly revision: number }
  /** Null: the object is not there. */
  | { readonly kind: 'conflict'; readonly current: StoredObject | null }
  | { readonly kind: 'claimed'; readonly keys: readonly string[] }
  /** What the write rests on has changed, up to a revision. */
  | { readonly kind: 'outdated'; readonly revision: number }
  /** Something beside the object has changed. */
  | { readonly kind: 'overtaken' }

export class ObjectStorage {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** A linearizable read. Throws ApiError when the store does not answer. */
  async read(key: string): Promise<StoredObject | null> {
    try {
      const answer = await this.#store.range({ key: keyBytes(key) })
      return storedObject(key, answer.kvs[0])
    } catch (error) {
      throw storeError(error)
    }
  }

  /** Throws ApiError: Timeout when the outcome stays unknown, ServiceUnavailable when it failed. */
  async commit(write: Write): Promise<Commit> {
    if (write.value !== null && write.value.length > objectBytesMax) {
      throw requestEntityTooLarge(objectBytesMax)
    }
    const request = transaction(write)
    let ambiguous = false
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.#store.txn(request)
        if (answer.succeeded) return { kind: 'committed', revision: answer.header.revision }
        return failed(write, answer, ambiguous)
      } catch (error) {
        if (!(error instanceof RaftsmanError) || error.code.startsWith('api/')) throw error
        ambiguous ||= error.outcome === 'unknown'
        if (!ambiguous) throw storeError(error)
        if (attempt >= unknownRetriesMax) throw unknownOutcome()
      }
      await new Promise<void>(resolve => {
        this.#clock.setTimer(unknownRetryMs, resolve)
      })
    }
  }
}

function transaction(write: Write): TxnRequest {
  const key = keyBytes(write.key)
  const beside = write.beside ?? []
  const bases = [...(write.bases ?? [])]
  const unclaimed = [...write.claims.keys()].map(
    (claim): Compare => ({ key: keyBytes(claim), target: 'version', version: 0, result: 'equal' }),
  )
  const expected: Compare =
    write.expected === 0
      ? { key, target: 'version', version: 0, result: 'equal' }
      : { key, target: 'mod', modRevision: write.expected, result: 'equal' }
  const change: RequestOp =
    write.value === null
      ? { kind: 'deleteRange', request: { key } }
      : {
          kind: 'put',
          request: {
            key,
            value: write.value,
            ...(write.lease === 0 ? {} : { lease: write.lease }),
          },
        }
  return {
    compare: [
      expected,
      ...unclaimed,
      ...beside.map(
        (other): Compare => ({
          key: keyBytes(other.key),
          target: 'mod',
          modRevision: other.expected,
          result: 'equal',
        }),
      ),
      ...bases.map(
        ([base, modRevision]): Compare => ({
          key: keyBytes(base),
          target: 'mod',
          modRevision,
          result: 'equal',
        }),
      ),
    ],
    success: [
      change,
      ...[...write.claims].map(
        ([claim, note]): RequestOp => ({
          kind: 'put',
          request: { key: keyBytes(claim), value: note },
        }),
      ),
      ...beside.map(
        (other): RequestOp => ({
          kind: 'put',
          request: { key: keyBytes(other.key), value: other.value },
        }),
      ),
      ...write.releases.map(
        (release): RequestOp => ({ kind: 'deleteRange', request: { key: keyBytes(release) } }),
      ),
    ],
    failure: [write.key, ...write.claims.keys(), ...bases.map(([base]) => base)].map(
      (read): RequestOp => ({ kind: 'range', request: { key: keyBytes(read) } }),
    ),
  }
}

function failed(write: Write, answer: TxnResponse, ambiguous: boolean): Commit {
  const ranges = answer.responses.map(response =>
    response.kind === 'range' ? response.response.kvs[0] : undefined,
  )
  const current = ranges[0]
  const asExpected = (current?.modRevision ?? 0) === write.expected
  if (ambiguous) {
    // An earlier offer may be what made this one fail. If what is there is what was to be written,
    // the caller has what it asked for; anything else cannot be told from a later change.
    if (write.value === null && current === undefined) {
      return { kind: 'committed', revision: answer.header.revision }
    }
    if (write.value !== null && current !== undefined && sameBytes(current.value, write.value)) {
      return { kind: 'committed', revision: current.modRevision }
    }
    if (!asExpected) throw unknownOutcome()
  }
  if (!asExpected) return { kind: 'conflict', current: storedObject(write.key, current) }
  const claims = [...write.claims.keys()]
  const taken = claims.filter((_, index) => ranges[index + 1] !== undefined)
  if (taken.length > 0) return { kind: 'claimed', keys: taken }
  const changed = [...(write.bases ?? [])].some(
    ([, revision], index) => ranges[claims.length + 1 + index]?.modRevision !== revision,
  )
  return changed ? { kind: 'outdated', revision: answer.header.revision } : { kind: 'overtaken' }
}

function storedObject(key: string, kv: KeyValue | undefined): StoredObject | null {
  return kv === undefined ? null : new StoredObject(key, kv.modRevision, kv.value.slice())
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function unknownOutcome(): ApiError {
  return timeout('request did not complete within the allotted time; it may have been applied')
}

/** What a client is told when the store fails without having done anything. */
export function storeError(error: unknown): unknown {
  if (!(error instanceof RaftsmanError) || error.code.startsWith('api/')) return error
  // Whoever put the lease in can get another one.
  if (error.code === 'lease-not-found') return error
  if (error.code === 'request-too-large') return requestEntityTooLarge(objectBytesMax)
  return serviceUnavailable(`the store is not available: ${error.message}`, retryAfterSeconds)
}
