// One link to one member, for what is asked of that very member: no failover, and its end is the answer.
// Requests are answered in any order; parts of a long answer go to whoever waits for it.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Address, Network, TlsFiles } from '../../platform/network.js'
import { encodeClientMessage } from '../protocol.js'
import type { Answer, RequestKind, ServerMessage } from '../protocol.js'
import type { NewRequest, StoreClientError } from './call.js'
import { clientError, memberError, withId } from './call.js'
import { Connection } from './connection.js'
import type { Credentials } from './login.js'
import { Login } from './login.js'

const handshakeMsMax = 2_000
const silenceMsMax = 2_000
const tickMs = 250

export interface MemberLinkOptions {
  readonly address: Address
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly network: Network
  readonly clientName: string
  /** Absent: whoever the certificate says. */
  readonly credentials?: Credentials | undefined
  /** A request that hears nothing for so long fails, parts of its answer included. */
  readonly requestTimeoutMs: number
}

type AnswerOf<K extends RequestKind> = Extract<Answer, { kind: K }>

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly onPart: (bytes: Uint8Array) => void
  heardMs: number
}

export class MemberLink {
  readonly #options: MemberLinkOptions
  readonly #connection: Connection
  readonly #ticker: Timer
  readonly #waiting = new Map<number, Waiting>()
  /** Packed, until the member has greeted. */
  #held: Uint8Array[] = []
  #greeted = false
  #ids = 0
  #closed: StoreClientError | null = null

  constructor(options: MemberLinkOptions) {
    this.#options = options
    const { address, tls, clock, network, clientName, credentials } = options
    const login = credentials === undefined ? null : new Login(credentials)
    this.#connection = new Connection(
      {
        address,
        rank: 0,
        tls,
        clock,
        network,
        clientName,
        clusterId: 0,
        login,
        handshakeMsMax,
        silenceMsMax,
      },
      {
        onWelcome: connection => {
          this.#greeted = true
          for (const packed of this.#held) connection.sendPacked([packed])
          this.#held = []
        },
        onLoggedIn: () => {},
        onLoginFailed: error => this.#fail(memberError(error)),
        onMessage: (_connection, message) => this.#take(message),
        onClosed: (_connection, reason) => this.#end(reason),
      },
    )
    this.#ticker = clock.setTicker(tickMs, () => this.#tick())
  }

  /** `onPart` is given the bytes of a snapshot, which it must use at once. */
  ask<K extends RequestKind>(
    request: Extract<NewRequest, { kind: K }>,
    onPart: (bytes: Uint8Array) => void = () => {},
  ): Promise<AnswerOf<K>> {
    return new Promise<Answer>((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed)
        return
      }
      this.#ids += 1
      const heardMs = this.#options.clock.monotonicMs()
      this.#waiting.set(this.#ids, { resolve, reject, onPart, heardMs })
      const packed = encodeClientMessage(withId(request, this.#ids))
      if (!this.#greeted) this.#held.push(packed)
      else this.#connection.sendPacked([packed])
    }) as Promise<AnswerOf<K>>
  }

  close(): void {
    this.#ticker.cancel()
    this.#connection.close('the client is done')
    this.#end('the client is closed')
  }

  #take(message: ServerMessage): void {
    if (message.kind === 'snapshotPart') {
      const waiting = this.#waiting.get(message.id)
      if (waiting === undefined) return
      waiting.heardMs = this.#options.clock.monotonicMs()
      waiting.onPart(message.bytes)
    } else if (message.kind === 'answer') this.#settle(message.answer.id)?.resolve(message.answer)
    else if (message.kind === 'error') this.#settle(message.id)?.reject(memberError(message.error))
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #tick(): void {
    const { clock, requestTimeoutMs, address } = this.#options
    const nowMs = clock.monotonicMs()
    this.#connection.tick(nowMs)
    for (const [id, { heardMs }] of this.#waiting) {
      if (nowMs - heardMs < requestTimeoutMs) continue
      this.#settle(id)?.reject(
        clientError('timeout', `${address} did not answer in time`, {
          retryable: true,
          outcome: 'unknown',
        }),
      )
    }
  }

  #end(reason: string): void {
    const message = `${this.#options.address} cannot be asked: ${reason}`
    this.#fail(clientError('unavailable', message, { retryable: true, outcome: 'unknown' }))
  }

  #fail(error: StoreClientError): void {
    if (this.#closed !== null) return
    this.#ticker.cancel()
    this.#closed = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
