// One side of the comparison: performs operations on one server and answers in comparable form.

import { must, unreachable } from '../../platform/errors.js'
import { asText, readersStream } from './operation.js'
import type { Message, Operation, UnaryCall, Value } from './operation.js'
import { methodOf, type Method } from './schema.js'
import { fromWire, Symbols, toWire } from './translation.js'
import { passwordOf, usersToAdd } from './users.js'
import { WatchStream } from './watch-record.js'
import { Wire } from './wire.js'

const services: Readonly<Record<UnaryCall, string>> = {
  Range: 'KV',
  Put: 'KV',
  DeleteRange: 'KV',
  Txn: 'KV',
  Compact: 'KV',
  LeaseGrant: 'Lease',
  LeaseRevoke: 'Lease',
  LeaseTimeToLive: 'Lease',
  LeaseLeases: 'Lease',
}

const unary = new Map(
  Object.entries(services).map(([call, service]) => [
    call,
    methodOf(`etcdserverpb.${service}/${call}`),
  ]),
)
const keepAlive = methodOf('etcdserverpb.Lease/LeaseKeepAlive')
const watch = methodOf('etcdserverpb.Watch/Watch')

const expiryMsMax = 20_000
const answerMsMax = 20_000
const pauseMs = 20

/** What a server made of an operation: a message, an error, or the watch it is about. */
export type Answer = Message

interface LeaseTimes {
  readonly ttlSeconds: number
  /** Before this the server cannot have begun to count. */
  readonly sentMs: number
}

export class Side {
  readonly symbols = new Symbols()
  readonly #wire: Wire
  readonly #streams = new Map<string, WatchStream>()
  readonly #leases = new Map<string, LeaseTimes>()
  #readersToken: string | null = null

  constructor(address: string) {
    this.#wire = new Wire(address)
  }

  get streams(): ReadonlyMap<string, WatchStream> {
    return this.#streams
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close()
    this.#wire.close()
  }

  /** Everything but `Settle`, which takes both sides. */
  perform(operation: Exclude<Operation, { call: 'Settle' }>): Promise<Answer> {
    switch (operation.call) {
      case 'Watch':
        return this.#watch(operation.stream, operation.request)
      case 'Watches':
        return this.#watchAll(operation.stream, operation.requests)
      case 'WatchCancel':
        return this.#cancel(operation.stream, operation.watch)
      case 'WatchProgress':
        return this.#progress(operation.stream)
      case 'WatchClose':
        this.#streams.get(operation.stream)?.close()
        this.#streams.delete(operation.stream)
        return Promise.resolve({})
      case 'Users':
        return this.#users(operation.reads)
      case 'LeaseKeepAlive':
        return this.#keepAlive(operation.request)
      case 'LeaseGrant':
        return this.#grant(operation.request, operation.as)
      case 'LeaseTimeToLive':
        return this.#timeToLive(operation.request)
      case 'Expiry':
        return this.#expiry(operation.key)
      case 'Range':
      case 'Put':
      case 'DeleteRange':
      case 'Txn':
      case 'Compact':
      case 'LeaseRevoke':
      case 'LeaseLeases':
        return this.#call(operation.call, operation.request)
      default:
        return unreachable(operation)
    }
  }

  #call(call: UnaryCall, request: Message): Promise<Answer> {
    return this.#ask(must(unary.get(call), 'a known call'), request)
  }

  async #ask(method: Method, request: Message): Promise<Answer> {
    const answer = await this.#wire.call(method, toWire(method.request, request, this.symbols))
    if (!answer.ok) return { error: answer.code, text: answer.text }
    return fromWire(method.response, answer.message, this.symbols)
  }

  async #grant(request: Message, name: string | undefined): Promise<Answer> {
    const sentMs = performance.now()
    const answer = await this.#call('LeaseGrant', request)
    const id = answer['ID']
    if (typeof id !== 'string') return answer
    this.#leases.set(id, { ttlSeconds: Number(answer['TTL']), sentMs })
    if (name === undefined) return answer
    this.symbols.nameLease(name, id)
    // What it is called on both sides, whatever a server called it.
    this.#leases.set(`$${name}`, { ttlSeconds: Number(answer['TTL']), sentMs })
    return { ...answer, ID: `$${name}` }
  }

  async #keepAlive(request: Message): Promise<Answer> {
    const sentMs = performance.now()
    const answer = await once(
      this.#wire,
      keepAlive,
      toWire(keepAlive.request, request, this.symbols),
    )
    if ('error' in answer) return answer
    const message = fromWire(keepAlive.response, answer.message, this.symbols)
    const id = message['ID']
    const ttlSeconds = Number(message['TTL'] ?? 0)
    if (typeof id === 'string' && ttlSeconds > 0) this.#leases.set(id, { ttlSeconds, sentMs })
    return message
  }

  /** What is left of a lease depends on the moment: it is right or wrong, not equal. */
  async #timeToLive(request: Message): Promise<Answer> {
    const { TTL: left, ...answer } = await this.#call('LeaseTimeToLive', request)
    const lease = this.#leases.get(asText(answer['ID']))
    if (left === undefined || lease === undefined) return { ...answer, TTL: left ?? 0 }
    const seconds = Number(left)
    // It was revoked since.
    if (seconds === -1) return { ...answer, TTL: left }
    const passed = (performance.now() - lease.sentMs) / 1000
    const right = seconds <= lease.ttlSeconds && seconds >= lease.ttlSeconds - passed - 1
    return {
      ...answer,
      TTL: right ? 'what must be left' : `${asText(left)} after ${passed} s of ${lease.ttlSeconds}`,
    }
  }

  /** Until the key is gone, and all that hang on the same lease with it. */
  async #expiry(key: string): Promise<Answer> {
    const endMs = performance.now() + expiryMsMax
    for (;;) {
      const answer = await this.#call('Range', { key, count_only: true })
      if (answer['count'] === undefined || performance.now() > endMs) return answer
      await new Promise(resolve => {
        setTimeout(resolve, pauseMs)
      })
    }
  }

  #streamOf(name: string): WatchStream {
    let stream = this.#streams.get(name)
    if (stream === undefined) {
      const token = name === readersStream ? this.#readersToken : this.#wire.token
      stream = new WatchStream(this.#wire, watch, this.symbols, token)
      this.#streams.set(name, stream)
    }
    return stream
  }

  #send(stream: WatchStream, request: Message): void {
    stream.send(toWire(watch.request, request, this.symbols))
  }

  async #watch(name: string, request: Message): Promise<Answer> {
    const stream = this.#streamOf(name)
    this.#send(stream, { create_request: request })
    return await stream.nextCreated()
  }

  async #watchAll(name: string, requests: readonly Message[]): Promise<Answer> {
    const stream = this.#streamOf(name)
    for (const request of requests) this.#send(stream, { create_request: request })
    const answers: Message[] = []
    for (const _ of requests) answers.push(await stream.nextCreated())
    return { answers }
  }

  async #cancel(name: string, id: number): Promise<Answer> {
    const stream = this.#streamOf(name)
    const record = stream.watches.get(id)
    this.#send(stream, { cancel_request: { watch_id: id } })
    // An unknown watch is passed over in silence; what comes next must still be answered.
    if (record === undefined || record.canceled !== null) {
      const probe = { key: 'nobody writes here', watch_id: 9_999_999 }
      const answer = await this.#watch(name, probe)
      this.#send(stream, { cancel_request: { watch_id: probe.watch_id } })
      const probed = stream.watches.get(probe.watch_id)
      await stream.until(() => probed === undefined || probed.canceled !== null)
      stream.forget(probe.watch_id)
      return { ...answer, strays: stream.takeStrays() }
    }
    await stream.until(() => record.canceled !== null)
    return { canceled: record.canceled ?? { none: stream.ended ?? 'no answer in time' } }
  }

  /** Nothing where all is well. */
  async #users(reads: readonly Message[]): Promise<Answer> {
    for (const [call, request] of usersToAdd(reads)) {
      const { error, text = '' } = await this.#ask(methodOf(`etcdserverpb.Auth/${call}`), request)
      if (error !== undefined) return { call, error, text }
    }
    this.#readersToken = await this.#login('reader')
    this.#wire.token = await this.#login('root')
    return {}
  }

  async #login(name: string): Promise<string> {
    const method = methodOf('etcdserverpb.Auth/Authenticate')
    const { token } = await this.#ask(method, { name, password: passwordOf(name) })
    return asText(must(token, `a token for ${name}`))
  }

  async #progress(name: string): Promise<Answer> {
    const stream = this.#streamOf(name)
    this.#send(stream, { progress_request: {} })
    return await stream.nextProgress()
  }
}

/** One message out, one back, in time. */
function once(
  wire: Wire,
  method: Method,
  message: object,
): Promise<{ readonly message: object } | (Message & { readonly error: Value })> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined
    const stream = wire.stream(method, {
      onMessage: answer => {
        clearTimeout(timer)
        resolve({ message: answer })
        stream.end()
      },
      onEnd: refusal => {
        clearTimeout(timer)
        resolve({ error: refusal?.code ?? 'OK', text: refusal?.text ?? '' })
      },
    })
    timer = setTimeout(() => stream.cancel(), answerMsMax)
    stream.send(message)
  })
}
