// Calls with one request as requesters of the service: decoded, passed on as requests of the native
// protocol, answered in etcd's form. Counterpart: the generated handlers of grpc-go and etcd's v3rpc.

import type { RaftsmanError } from '../../platform/errors.js'
import { assert } from '../../platform/errors.js'
import { rpcCode } from '../../platform/rpc.js'
import type { RpcCall, RpcMethod, RpcReceiver } from '../../platform/rpc.js'
import type { CommandResult } from '../core/command.js'
import type { KeyValue } from '../core/types.js'
import type { Answer, Request, RequestKind, WireError } from '../protocol.js'
import { creditOf } from '../protocol.js'
import type { Principal, Requester } from '../server/requester.js'
import { answerOf } from '../server/command-answer.js'
import { principalOf } from './principal.js'
import { wireError } from '../server/wire-error.js'
import type { AnswerBudget } from './answer-budget.js'
import type { EtcdContext } from './context.js'
import type { MessageType } from '../../platform/protobuf-message.js'
import { statusOf, statusOfFacts } from './status.js'

/** Until a client that is behind is looked at again. */
const pacedRetryMs = 5

export type RequestOf<K extends RequestKind> = Extract<Request, { kind: K }>
export type AnswerOf<K extends RequestKind> = Extract<Answer, { kind: K }>

/**
 * What a call shares with every other requester. Its requests have the id 0: whoever answers does so
 * through the call itself.
 */
export abstract class CallRequester implements Requester {
  readonly principal: Principal
  protected readonly call: RpcCall
  readonly #context: EtcdContext

  constructor(context: EtcdContext, call: RpcCall) {
    this.#context = context
    this.call = call
    this.principal = principalOf(call)
  }

  get open(): boolean {
    return this.call.open
  }

  get bufferedBytes(): number {
    return this.call.connection.bufferedBytes
  }

  /** One message of the answer. */
  protected reply(message: Uint8Array): void {
    if (!this.open) return
    this.#context.service.unread.sent(message.length)
    this.call.send(message)
  }

  abstract answer(answer: Answer): void
  abstract rangePart(id: number, kvs: readonly KeyValue[]): void

  snapshotPart(_id: number, _bytes: Uint8Array): void {
    assert(false, 'only who asks for a snapshot gets one')
  }

  fail(id: number, error: unknown): void {
    this.failWith(id, wireError(error))
  }

  failWith(_id: number, error: WireError): void {
    const { code, message } = statusOfFacts(error)
    this.call.end(code, message)
  }

  written(id: number, result: CommandResult): void {
    if (!result.ok) {
      this.fail(id, result.error)
      return
    }
    this.answer(answerOf(result, id))
  }

  notWritten(id: number, error: RaftsmanError): void {
    this.fail(id, error)
  }

  paced(answer: () => void): void {
    if (!this.open) return
    if (this.bufferedBytes <= this.#context.service.unread.share) answer()
    else this.#context.clock.setTimer(pacedRetryMs, () => this.paced(answer))
  }
}

/** One request, one answer. */
class UnaryCall<K extends RequestKind> extends CallRequester implements RpcReceiver {
  readonly #encode: (answer: AnswerOf<K>) => Uint8Array
  readonly #budget: AnswerBudget
  /** Of a long range, until its answer brings the rest. */
  #parts: KeyValue[] | null = null
  #partBytes = 0

  constructor(context: EtcdContext, call: RpcCall, encode: (answer: AnswerOf<K>) => Uint8Array) {
    super(context, call)
    this.#encode = encode
    this.#budget = context.answers
  }

  answer(answer: Answer): void {
    const whole = this.#parts === null ? answer : withParts(answer, this.#parts)
    this.#letGo()
    if (!this.open) return
    this.reply(this.#encode(whole as AnswerOf<K>))
    this.call.end(rpcCode.ok, '')
  }

  override failWith(id: number, error: WireError): void {
    this.#letGo()
    super.failWith(id, error)
  }

  rangePart(id: number, kvs: readonly KeyValue[]): void {
    if (!this.open) return
    let bytes = 0
    for (const kv of kvs) bytes += creditOf(kv)
    try {
      this.#budget.take(bytes)
    } catch (error) {
      // The call ends here; whoever reads the range sees that nobody waits for it any more.
      this.fail(id, error)
      return
    }
    this.#partBytes += bytes
    this.#parts ??= []
    for (const kv of kvs) this.#parts.push(kv)
  }

  onCancel(): void {
    this.#letGo()
  }

  #letGo(): void {
    this.#budget.give(this.#partBytes)
    this.#partBytes = 0
    this.#parts = null
  }
}

function withParts(answer: Answer, parts: readonly KeyValue[]): Answer {
  assert(answer.kind === 'range', 'only ranges come in parts')
  const { response } = answer
  return { ...answer, response: { ...response, kvs: [...parts, ...response.kvs] } }
}

/** A method that is a request of the native protocol in another form. */
export function unary<K extends RequestKind, T, E>(
  context: EtcdContext,
  type: MessageType<T, E>,
  toRequest: (message: T) => RequestOf<K>,
  encode: (answer: AnswerOf<K>, message: T) => Uint8Array,
): RpcMethod {
  return single(context, type, (call, message) => {
    const requester = new UnaryCall<K>(context, call, answer => encode(answer, message))
    context.service.handle(requester, toRequest(message))
    return requester
  })
}

/**
 * A method that answers by other means. What `start` throws is the answer; what it returns is told
 * when the client has gone or has read.
 */
export function single<T, E>(
  context: EtcdContext,
  type: MessageType<T, E>,
  start: (call: RpcCall, message: T) => RpcReceiver | void,
): RpcMethod {
  return {
    requests: 'one',
    start(call, request) {
      if (context.leaderGuard.refused(call, null)) return null
      try {
        return start(call, type.decode(request)) ?? null
      } catch (error) {
        const { code, message } = statusOf(error)
        call.end(code, message)
        return null
      }
    },
  }
}
