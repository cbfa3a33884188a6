// Who asked for something, and how the answer reaches them: a link of the native protocol, or one call
// over gRPC. The service answers all of them alike and knows none of them.

import type { KeyValue } from '../core/types.js'
import type { Answer, WireError } from '../protocol.js'
import type { WriteOrigin } from './write-batcher.js'

/** On whose behalf. */
export interface Principal {
  /** Of the client's verified certificate; null without TLS or certificate. */
  readonly commonName: string | null
}

/** Where `id` stands, it is the id of the request; each is answered or failed once. */
export interface Requester extends WriteOrigin {
  readonly principal: Principal
  /** False when an answer would reach nobody any more; answering does no harm then. */
  readonly open: boolean
  /** Bytes of answers that the client has not read. */
  readonly bufferedBytes: number
  answer(answer: Answer): void
  /** @throws what is no RaftsmanError, a broken invariant above all */
  fail(id: number, error: unknown): void
  failWith(id: number, error: WireError): void
  /** Key-values of a long range ahead of its answer. */
  rangePart(id: number, kvs: readonly KeyValue[]): void
  /**
   * Runs `answer`, whose result may be long, once the client has read most of what it was sent; never
   * when it has gone before.
   */
  paced(answer: () => void): void
}
