// Who asked for something, and how the answer reaches them: a link of the native protocol, or one call
// over gRPC. The service answers all of them alike and knows none of them.

import { RaftsmanError } from '../../platform/errors.js'
import type { KeyValue } from '../core/types.js'
import type { Answer, WireError } from '../protocol.js'
import type { WriteOrigin } from './write-batcher.js'

/** On whose behalf, as the client says; auth/guard.ts finds out whether it is so. */
export interface Principal {
  /** Of the client's verified certificate; null without TLS or certificate. */
  readonly commonName: string | null
  /** Of an earlier `authenticate`; it counts before the certificate. Null without. */
  readonly token: string | null
}

/** Where `id` stands, it is the id of the request; each is answered or failed once. */
export interface Requester extends WriteOrigin {
  readonly principal: Principal
  /** False when an answer would reach nobody any more; answering does no harm then. */
  readonly open: boolean
  /** Bytes of answers that the client has not read. */
  readonly bufferedBytes: number
  /** The longest answer that can reach it in one piece; absent where there is no such end. */
  readonly answerBytesMax?: number | undefined
  answer(answer: Answer): void
  /** @throws what is no RaftsmanError, a broken invariant above all */
  fail(id: number, error: unknown): void
  failWith(id: number, error: WireError): void
  /** Key-values of a long range ahead of its answer. */
  rangePart(id: number, kvs: readonly KeyValue[]): void
  /** Bytes of a snapshot ahead of its answer, in order. */
  snapshotPart(id: number, bytes: Uint8Array): void
  /**
   * Runs `answer`, whose result may be long, once the client has read most of what it was sent; never
   * when it has gone before.
   */
  paced(answer: () => void): void
}

/** What `act` throws is the answer. */
export function attempt(requester: Pick<Requester, 'fail'>, id: number, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof RaftsmanError)) throw error
    requester.fail(id, error)
  }
}

/** The same requester with another principal. */
export function actingAs(requester: Requester, principal: Principal): Requester {
  return {
    principal,
    get open() {
      return requester.open
    },
    get bufferedBytes() {
      return requester.bufferedBytes
    },
    get answerBytesMax() {
      return requester.answerBytesMax
    },
    answer: answer => requester.answer(answer),
    fail: (id, error) => requester.fail(id, error),
    failWith: (id, error) => requester.failWith(id, error),
    rangePart: (id, kvs) => requester.rangePart(id, kvs),
    snapshotPart: (id, bytes) => requester.snapshotPart(id, bytes),
    paced: answer => requester.paced(answer),
    written: (id, result) => requester.written(id, result),
    notWritten: (id, error) => requester.notWritten(id, error),
  }
}
