// The calls of a client between the user's promise and a member's answer: bounded, in order of their
// deadlines, sent when there is a connection, and repeated or failed when it breaks.

import { RaftsmanError, must, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { KeyValue, OpenSessionResponse } from '../core/types.js'
import {
  creditOf,
  encodeClientMessage,
  encodeOnceHead,
  noncesProtocolVersion,
  protocolLimits,
  sessionsProtocolVersion,
} from '../protocol.js'
import type { Answer, WireError } from '../protocol.js'
import {
  clientError,
  isMemberTrouble,
  isNameable,
  isRepeatable,
  memberError,
  withId,
} from './call.js'
import type { Call, NewRequest } from './call.js'
import type { Connection } from './connection.js'
import { isLoginTrouble } from './login.js'
import { WriteNaming } from './write-naming.js'
import type { WriteName } from './write-session.js'
import { judgeWrite } from './write-verdict.js'

const retryMs = 60
const retryMsMax = 500
/** A range above this is refused on arrival; ask for it in pages. */
const rangeBytesMax = 512 * 1024 * 1024

export interface CallQueueOptions {
  readonly clock: Clock
  readonly random: Random
  readonly requestTimeoutMs: number
  readonly callsMax: number
  readonly callBytesMax: number
  readonly current: () => Connection | null
  readonly lastReason: () => string
  readonly onMemberTrouble: () => void
  /** Writes are given names, and asked again while it is not known what became of them. */
  readonly repeatsWrites: boolean
}

/** A call is sent so many times with new tokens before its refusal is believed. */
const loginRefusalsMax = 2

export class CallQueue {
  readonly #options: CallQueueOptions
  /** Every unanswered call, oldest first: one timeout for all makes that the order of deadlines. */
  readonly #calls = new Map<number, Call>()
  /** Ids of calls that wait for a connection, in order; answered ones are skipped. */
  #waiting: Call[] = []
  /** Writes that wait for a name; they go ahead of those above. */
  #unnamed: Call[] = []
  readonly #naming: WriteNaming | null
  #delayed: { readonly call: Call; readonly notBeforeMs: number }[] = []
  readonly #draining = new Set<Connection>()
  #bytes = 0
  #ids = 0
  #closed = false

  constructor(options: CallQueueOptions) {
    this.#options = options
    this.#naming = options.repeatsWrites
      ? new WriteNaming({
          clock: options.clock,
          random: options.random,
          open: nonce => this.#openSession(nonce),
          onChange: () => this.dispatch(),
        })
      : null
  }

  /** Nothing waits for an answer, nor for its last one. */
  get idle(): boolean {
    return this.#calls.size === 0 && this.#draining.size === 0
  }

  submit(
    request: NewRequest,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): void {
    const call = this.#admit(request, resolve, reject)
    if (call instanceof RaftsmanError) {
      reject(call)
      return
    }
    this.#take(call)
  }

  #take(call: Call): void {
    this.#calls.set(call.id, call)
    this.#bytes += call.packed.length
    const connection = this.#options.current()
    if (connection === null || this.#waiting.length > 0 || !hasRoom(connection)) {
      this.#waiting.push(call)
    } else this.#send(call, connection)
  }

  /** Sends what waits, as far as the connection in use takes it. */
  dispatch(): void {
    const connection = this.#options.current()
    if (connection === null) return
    this.#dispatchUnnamed(connection)
    if (this.#waiting.length === 0) return
    let taken = 0
    for (const call of this.#waiting) {
      if (!hasRoom(connection)) break
      taken += 1
      if (this.#calls.has(call.id)) this.#send(call, connection)
    }
    this.#waiting.splice(0, taken)
  }

  #dispatchUnnamed(connection: Connection): void {
    if (this.#unnamed.length === 0) return
    let taken = 0
    for (const call of this.#unnamed) {
      if (!hasRoom(connection)) break
      if (this.#calls.has(call.id)) {
        if (!this.#name(call, connection)) break
        this.#hand(call, connection)
      }
      taken += 1
    }
    this.#unnamed.splice(0, taken)
  }

  #send(call: Call, connection: Connection): void {
    const speaksSessions = (connection.welcome?.version ?? 0) >= sessionsProtocolVersion
    if (call.kind === 'openSession' && !speaksSessions) {
      this.#finish(call)
      call.reject(
        clientError('version-too-low', 'the member knows no sessions', { retryable: true }),
      )
      return
    }
    if (call.name !== null && !this.#isGood(call.name, connection)) {
      if (!this.#unname(call)) return
    }
    // Writes keep their order.
    const waits = call.nameable && call.name === null && this.#unnamed.length > 0
    if (waits || !this.#name(call, connection)) this.#unnamed.push(call)
    else this.#hand(call, connection)
  }

  /** False: it has to wait for one. */
  #name(call: Call, connection: Connection): boolean {
    if (call.name !== null || !call.nameable || this.#naming === null) return true
    const name = this.#naming.name(must(connection.welcome, 'a usable connection has been greeted'))
    if (name === 'wait') return false
    call.name = name
    return true
  }

  #isGood(name: WriteName, { welcome }: Connection): boolean {
    return (
      this.#naming?.isGood(name, must(welcome, 'a usable connection has been greeted')) === true
    )
  }

  /** False: the call is over, for nobody can say any more what became of it. */
  #unname(call: Call): boolean {
    if (call.maybe) {
      this.#finish(call)
      const message = 'the members that were asked before cannot be asked what became of it'
      const traits = { retryable: false, outcome: 'unknown' } as const
      call.reject(clientError('session-lost', message, traits))
      return false
    }
    call.name?.done()
    call.name = null
    return true
  }

  #hand(call: Call, connection: Connection): void {
    call.connection = connection
    call.attempts += 1
    connection.inFlight += 1
    const { name } = call
    const packed = formOver(connection, call)
    connection.sendPacked(name === null ? [packed] : [encodeOnceHead(name.once), packed], call)
  }

  /** One call more than users may have: theirs wait for it. */
  #openSession(nonce: Uint8Array): Promise<OpenSessionResponse> {
    return new Promise((resolve, reject) => {
      const answered = (answer: Answer): void => {
        if (answer.kind === 'openSession') resolve(answer.response)
      }
      this.#take(this.#callOf({ kind: 'openSession', nonce }, answered, reject))
    })
  }

  /** No new calls go there; it is closed when the last one is answered. */
  drain(connection: Connection): void {
    if (connection.inFlight === 0) connection.close('another member is used now')
    else this.#draining.add(connection)
  }

  lost(connection: Connection, reason: string): void {
    this.#draining.delete(connection)
    const again: Call[] = []
    for (const call of this.#calls.values()) {
      if (call.connection !== connection) continue
      if (call.sent && call.name !== null) call.maybe = true
      if (call.sent && call.name === null && !call.repeatable) {
        this.#finish(call)
        const message = `the connection to ${connection.address} ended (${reason}) before the answer came`
        call.reject(
          clientError('connection-lost', message, { retryable: false, outcome: 'unknown' }),
        )
      } else {
        release(call)
        again.push(call)
      }
    }
    // They were first, so they go first again.
    if (again.length > 0) this.#waiting = [...again, ...this.#waiting]
  }

  part(connection: Connection, id: number, kvs: readonly KeyValue[]): void {
    const call = this.#sentOver(connection, id)
    if (call === null) return
    call.parts ??= []
    for (const kv of kvs) {
      call.parts.push(kv)
      call.partsBytes += creditOf(kv)
    }
    if (call.partsBytes <= rangeBytesMax) return
    this.#finish(call)
    call.reject(
      clientError('answer-too-large', `the range is larger than ${rangeBytesMax} bytes`, {
        retryable: false,
      }),
    )
  }

  answered(connection: Connection, answer: Answer): void {
    const call = this.#sentOver(connection, answer.id)
    if (call === null) return
    if (answer.kind !== call.kind) {
      connection.close(`an answer of kind ${answer.kind} to a request of kind ${call.kind}`)
      return
    }
    this.#finish(call)
    // Only a quorum can have let it through.
    if (!call.repeatable) connection.healthy = true
    call.resolve(withParts(answer, call.parts))
    this.#settled(connection)
  }

  failed(connection: Connection, id: number, error: WireError): void {
    const call = this.#sentOver(connection, id)
    if (call === null) return
    if (isLoginTrouble(error.code) && call.loginRefusals < loginRefusalsMax) {
      if (connection.renewLogin()) {
        call.loginRefusals += 1
        release(call)
        this.#waiting.push(call)
        return
      }
    }
    const trouble = isMemberTrouble(error.code)
    if (call.name !== null) this.#failedNamed(call, call.name, error)
    else if (trouble && error.retryable && (call.repeatable || error.outcome === 'not-applied')) {
      this.#delay(call)
    } else this.#reject(call, error)
    if (trouble) {
      connection.healthy = false
      this.#options.onMemberTrouble()
    }
    this.#settled(connection)
  }

  #failedNamed(call: Call, name: WriteName, error: WireError): void {
    const verdict = judgeWrite(error, call.maybe)
    switch (verdict.kind) {
      case 'again':
        if (error.outcome === 'unknown') call.maybe = true
        this.#delay(call)
        return
      case 'reopen':
        name.session.lost = true
        if (error.code === 'version-too-low') this.#naming?.forgo()
        this.#rename(call)
        return
      case 'rename':
        this.#rename(call)
        return
      case 'reject':
        this.#reject(call, verdict.error)
        return
      default:
        unreachable(verdict)
    }
  }

  /** It is asked for anew: what it was asked for under the old name did nothing and never will. */
  #rename(call: Call): void {
    release(call)
    call.name?.done()
    call.name = null
    call.maybe = false
    this.#waiting.push(call)
  }

  #delay(call: Call): void {
    release(call)
    const { clock, random } = this.#options
    const fullMs = Math.min(retryMsMax, retryMs * 2 ** Math.min(call.attempts, 8))
    const notBeforeMs = clock.monotonicMs() + fullMs * (0.5 + random.next() / 2)
    this.#delayed.push({ call, notBeforeMs })
  }

  #reject(call: Call, error: WireError): void {
    this.#finish(call)
    call.reject(memberError(error))
  }

  /** No member lets this client in: whoever waits need not wait longer. */
  refused(error: WireError): void {
    const waiting = [...this.#unnamed, ...this.#waiting]
    this.#unnamed = []
    this.#waiting = []
    for (const call of waiting) {
      if (!this.#calls.has(call.id)) continue
      this.#reject(call, call.maybe ? { ...error, outcome: 'unknown' } : error)
    }
  }

  tick(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const call of this.#calls.values()) {
      if (call.deadlineMs > nowMs) break
      this.#expire(call)
    }
    if (this.#delayed.length > 0) {
      const due = this.#delayed.filter(({ notBeforeMs }) => notBeforeMs <= nowMs)
      if (due.length > 0) {
        this.#delayed = this.#delayed.filter(({ notBeforeMs }) => notBeforeMs > nowMs)
        for (const { call } of due) this.#waiting.push(call)
      }
    }
    this.dispatch()
    for (const connection of this.#draining) this.#settled(connection)
  }

  close(): void {
    this.#closed = true
    for (const call of this.#calls.values()) {
      const outcome = mayBeDone(call) ? 'unknown' : 'not-applied'
      call.reject(
        clientError('client-closed', 'the store client is closed', { retryable: false, outcome }),
      )
    }
    this.#calls.clear()
    this.#unnamed = []
    this.#waiting = []
    this.#delayed = []
    for (const connection of this.#draining) connection.close('the client is closed')
    this.#draining.clear()
  }

  #admit(
    request: NewRequest,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): Call | RaftsmanError {
    const { callsMax, callBytesMax } = this.#options
    if (this.#closed) {
      return clientError('client-closed', 'the store client is closed', { retryable: false })
    }
    if (this.#calls.size >= callsMax) {
      const message = `${callsMax} calls are unanswered already; wait for some of them`
      return clientError('too-many-requests', message, { retryable: true })
    }
    const call = this.#callOf(request, resolve, reject)
    const { length } = call.packed
    if (length > protocolLimits.requestBytesMax) {
      const message = `the request has ${length} bytes; ${protocolLimits.requestBytesMax} are allowed`
      return clientError('request-too-large', message, { retryable: false })
    }
    if (this.#bytes + length > callBytesMax) {
      const message = `unanswered calls hold ${callBytesMax} bytes already; wait for some of them`
      return clientError('too-many-requests', message, { retryable: true })
    }
    return call
  }

  #callOf(
    request: NewRequest,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): Call {
    const { clock, requestTimeoutMs } = this.#options
    this.#ids += 1
    return {
      id: this.#ids,
      kind: request.kind,
      repeatable: isRepeatable(request),
      nameable: isNameable(request),
      packed: encodeClientMessage(withId(request, this.#ids)),
      deadlineMs: clock.monotonicMs() + requestTimeoutMs,
      resolve,
      reject,
      connection: null,
      sent: false,
      name: null,
      maybe: false,
      attempts: 0,
      loginRefusals: 0,
      parts: null,
      partsBytes: 0,
    }
  }

  #expire(call: Call): void {
    this.#finish(call)
    if (call.connection === null && call.maybe) {
      const message = `no member said in time what became of it (${this.#options.lastReason()})`
      call.reject(clientError('timeout', message, { retryable: true, outcome: 'unknown' }))
      return
    }
    if (call.connection === null) {
      const message = `no member of the store took the request in time (${this.#options.lastReason()})`
      call.reject(clientError('unavailable', message, { retryable: true }))
      return
    }
    const message = `${call.connection.address} did not answer in time`
    const outcome = mayBeDone(call) ? 'unknown' : 'not-applied'
    call.reject(clientError('timeout', message, { retryable: true, outcome }))
  }

  #sentOver(connection: Connection, id: number): Call | null {
    const call = this.#calls.get(id)
    // Expired, or asked again over another connection meanwhile.
    return call !== undefined && call.connection === connection ? call : null
  }

  #finish(call: Call): void {
    this.#calls.delete(call.id)
    this.#bytes -= call.packed.length
    call.name?.done()
    if (call.connection !== null) call.connection.inFlight -= 1
  }

  #settled(connection: Connection): void {
    if (connection.inFlight === 0 && this.#draining.delete(connection)) {
      connection.close('another member is used now')
    } else if (this.#waiting.length + this.#unnamed.length > 0) this.dispatch()
  }
}

function hasRoom(connection: Connection): boolean {
  if (!connection.usable) return false
  const { inFlightMax } = must(connection.welcome, 'a usable connection has been greeted')
  return connection.inFlight < inFlightMax
}

/** In which a member of this link knows it: a call may have been packed for another one. */
function formOver({ welcome }: Connection, { kind, id, packed }: Call): Uint8Array {
  const knowsNonces = (welcome?.version ?? 0) >= noncesProtocolVersion
  if (kind !== 'openSession' || knowsNonces) return packed
  return encodeClientMessage({ kind, id })
}

function mayBeDone({ sent, repeatable, maybe }: Call): boolean {
  return maybe || (sent && !repeatable)
}

/** Back to waiting, as if it had never been sent. */
function release(call: Call): void {
  if (call.connection !== null) call.connection.inFlight -= 1
  call.connection = null
  call.sent = false
  call.parts = null
  call.partsBytes = 0
}

function withParts(answer: Answer, parts: KeyValue[] | null): Answer {
  if (parts === null || answer.kind !== 'range') return answer
  for (const kv of answer.response.kvs) parts.push(kv)
  return { ...answer, response: { ...answer.response, kvs: parts } }
}
