// A client of etcd's API for tests, message by message, through the library that most JavaScript clients
// rest on. It speaks to a member of ours and to a real etcd alike.

import { readFileSync } from 'node:fs'
import { Client, Metadata, credentials } from '@grpc/grpc-js'
import type { ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js'
import type { TlsFiles } from '../../../platform/network.js'
import type { MessageType } from '../../../platform/protobuf-message.js'

const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const same = (bytes: Buffer): Buffer => bytes

/** How a call ended that did not end well. */
export class CallFailed extends Error {
  readonly code: number
  readonly details: string

  constructor({ code, details }: { readonly code: number; readonly details: string }) {
    super(`${code}: ${details}`)
    this.code = code
    this.details = details
  }
}

export interface Method<Q, A> {
  readonly path: string
  readonly request: MessageType<unknown, Q>
  readonly answer: MessageType<A, never>
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>
  readonly deadlineMs?: number
}

export class EtcdClient {
  readonly #client: Client

  constructor(address: string, tls: TlsFiles | null = null) {
    const trust =
      tls === null
        ? credentials.createInsecure()
        : credentials.createSsl(
            readFileSync(tls.caFile),
            readFileSync(tls.keyFile),
            readFileSync(tls.certFile),
          )
    this.#client = new Client(address, trust, {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  call<Q, A>(method: Method<Q, A>, request: Q, options: CallOptions = {}): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        bytesOf,
        same,
        bytesOf(method.request.encode(request)),
        metadataOf(options),
        callOptions(options),
        (error: ServiceError | null, answer?: Buffer) => {
          if (error !== null) reject(new CallFailed(error))
          else resolve(method.answer.decode(answer ?? Buffer.alloc(0), { rounded: true }))
        },
      )
    })
  }

  /** Everything a stream of answers says, up to its end. */
  async collect<Q, A>(method: Method<Q, A>, request: Q): Promise<A[]> {
    const stream = this.serverStream(method, request)
    const answers: A[] = []
    for (;;) {
      const answer = await stream.next()
      if (answer === null) return answers
      answers.push(answer)
    }
  }

  serverStream<Q, A>(method: Method<Q, A>, request: Q, options: CallOptions = {}): Stream<Q, A> {
    const bytes = bytesOf(method.request.encode(request))
    const stream = this.#client.makeServerStreamRequest(
      method.path,
      bytesOf,
      same,
      bytes,
      metadataOf(options),
    )
    return new Stream(stream, method)
  }

  stream<Q, A>(method: Method<Q, A>, options: CallOptions = {}): Stream<Q, A> {
    const stream = this.#client.makeBidiStreamRequest(
      method.path,
      bytesOf,
      same,
      metadataOf(options),
    )
    return new Stream(stream, method)
  }

  close(): void {
    this.#client.close()
  }
}

function metadataOf({ metadata = {} }: CallOptions): Metadata {
  const all = new Metadata()
  for (const [name, value] of Object.entries(metadata)) all.set(name, value)
  return all
}

const callOptions = ({ deadlineMs }: CallOptions) =>
  deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }

type Wire = ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>

/** A call with many answers, read one by one. */
export class Stream<Q, A> {
  readonly #stream: Wire
  readonly #method: Method<Q, A>
  readonly #answers: A[] = []
  #end: CallFailed | 'ok' | null = null
  #wake: () => void = () => {}

  constructor(stream: Wire, method: Method<Q, A>) {
    this.#stream = stream
    this.#method = method
    stream.on('data', (bytes: Buffer) => {
      this.#answers.push(method.answer.decode(bytes, { rounded: true }))
      this.#wake()
    })
    stream.on('error', (error: ServiceError) => this.#ended(new CallFailed(error)))
    stream.on('end', () => this.#ended('ok'))
  }

  send(request: Q): void {
    if ('write' in this.#stream) this.#stream.write(bytesOf(this.#method.request.encode(request)))
  }

  halfClose(): void {
    if ('end' in this.#stream) this.#stream.end()
  }

  /** Answers taken from the socket and not asked for yet. */
  get waiting(): number {
    return this.#answers.length
  }

  /** Null at the end. Throws CallFailed when it was no good one. */
  async next(): Promise<A | null> {
    for (;;) {
      const answer = this.#answers.shift()
      if (answer !== undefined) return answer
      if (this.#end === 'ok') return null
      if (this.#end !== null) throw this.#end
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async take(count: number): Promise<A[]> {
    const answers: A[] = []
    while (answers.length < count) {
      const answer = await this.next()
      if (answer === null) break
      answers.push(answer)
    }
    return answers
  }

  /** The server is asked for nothing more; what has come is still there. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  cancel(): void {
    this.#stream.cancel()
  }

  #ended(how: CallFailed | 'ok'): void {
    // The library says `end` also where an error follows.
    if (how === 'ok') setImmediate(() => this.#settle(how))
    else this.#settle(how)
  }

  #settle(how: CallFailed | 'ok'): void {
    this.#end ??= how
    this.#wake()
  }
}
