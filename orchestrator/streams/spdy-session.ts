// One SPDY/3.1 connection and its streams, on either side, over any byte stream. Counterpart:
// moby/spdystream. Like it, this knows no window of its own per stream: a stream that is not read
// holds back the connection, and TCP does the rest.

import { Duplex } from 'node:stream'
import { goAwayStatus, resetStatus, SpdyEncoder, SpdyParser } from './spdy-frames.js'
import type { SpdyFrame } from './spdy-frames.js'
import type { SpdyHeaders } from './spdy-headers.js'
import { StreamError } from './stream-error.js'

export interface SpdySessionOptions {
  readonly role: 'client' | 'server'
  /** The peer opened a stream: it is to be accepted or reset. */
  readonly onStream: (stream: SpdyStream) => void
  readonly streamsMax: number
  /** Data went in either direction. */
  readonly onData?: () => void
}

const pieceBytesMax = 32 * 1024
/** What a stream may hold that nobody reads; above it the whole connection waits. */
const unreadBytesMax = 256 * 1024

export class SpdySession {
  readonly #socket: Duplex
  readonly #options: SpdySessionOptions
  readonly #parser = new SpdyParser()
  readonly #encoder = new SpdyEncoder()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #waiting: (() => void)[] = []
  readonly #full = new Set<SpdyStream>()
  readonly #closed: Promise<void>
  #nextId: number
  #nextPing: number
  #lastPeerId = 0
  #ending = false

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket
    this.#options = options
    this.#nextId = options.role === 'client' ? 1 : 2
    this.#nextPing = this.#nextId
    this.#closed = new Promise(resolve => {
      socket.once('close', () => {
        this.#cutAll(new StreamError('closed', 'the connection was closed'))
        resolve()
      })
    })
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('drain', () => this.#drained())
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed
  }

  get streamCount(): number {
    return this.#streams.size
  }

  /** For the side that opens: the stream may be written to at once. */
  open(headers: SpdyHeaders): SpdyStream {
    const streamId = this.#nextId
    this.#nextId += 2
    const stream = this.#add(streamId, headers)
    this.send({ kind: 'syn-stream', streamId, headers, fin: false })
    return stream
  }

  ping(): void {
    this.send({ kind: 'ping', id: this.#nextPing })
    this.#nextPing += 2
  }

  /** Says goodbye and ends the connection once all that was written is out. */
  close(status: number = goAwayStatus.ok): void {
    if (this.#ending) return
    this.send({ kind: 'goaway', lastStreamId: this.#lastPeerId, status })
    this.#ending = true
    // What still arrives is nobody's, but has to be taken for the end to be seen.
    this.#socket.resume()
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** For streams. False when the connection is behind; `whenDrained` tells when it is not. */
  send(frame: SpdyFrame): boolean {
    if (this.#ending || this.#socket.destroyed || this.#socket.writableEnded) return true
    if (frame.kind === 'data') this.#options.onData?.()
    return this.#socket.write(this.#encoder.encode(frame))
  }

  whenDrained(callback: () => void): void {
    this.#waiting.push(callback)
  }

  hold(stream: SpdyStream): void {
    this.#full.add(stream)
    this.#socket.pause()
  }

  release(stream: SpdyStream): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#socket.resume()
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id)
    this.release(stream)
  }

  #add(id: number, headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(this, id, headers, pieceBytesMax, unreadBytesMax)
    this.#streams.set(id, stream)
    return stream
  }

  #take(chunk: Buffer): void {
    if (this.#ending) return
    try {
      for (const frame of this.#parser.push(chunk)) this.#handle(frame)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      this.#dropAll(error)
      this.close(goAwayStatus.protocolError)
    }
  }

  #handle(frame: SpdyFrame): void {
    switch (frame.kind) {
      case 'syn-stream':
        return this.#opened(frame.streamId, frame.headers, frame.fin)
      case 'syn-reply':
      case 'headers':
        this.#streams.get(frame.streamId)?.replied(frame.fin)
        return undefined
      case 'data':
        this.#data(frame.streamId, frame.bytes, frame.fin)
        return undefined
      case 'rst-stream':
        this.#streams.get(frame.streamId)?.wasReset()
        return undefined
      case 'ping':
        // Our own come back with the parity of our streams.
        if (frame.id % 2 !== this.#nextPing % 2) this.send(frame)
        return undefined
      case 'goaway':
        // Its streams go on; the peer opens no others.
        return undefined
    }
  }

  #opened(streamId: number, headers: SpdyHeaders, fin: boolean): void {
    const odd = streamId % 2 === 1
    if (odd !== (this.#options.role === 'server') || streamId <= this.#lastPeerId) {
      throw new StreamError('protocol', `stream ${streamId} cannot be opened now`)
    }
    this.#lastPeerId = streamId
    if (this.#streams.size >= this.#options.streamsMax) {
      this.send({ kind: 'rst-stream', streamId, status: resetStatus.refusedStream })
      return
    }
    const stream = this.#add(streamId, headers)
    this.#options.onStream(stream)
    if (fin) stream.received(new Uint8Array(), true)
  }

  #data(streamId: number, bytes: Uint8Array, fin: boolean): void {
    const stream = this.#streams.get(streamId)
    this.#options.onData?.()
    // Data may have been on its way when the stream was reset.
    stream?.received(bytes, fin)
  }

  #drained(): void {
    for (const callback of this.#waiting.splice(0)) callback()
  }

  /** A client still reads what was whole when its server had nothing more to say and left. */
  #cutAll(error: StreamError): void {
    const isClient = this.#options.role === 'client'
    for (const stream of this.#streams.values()) {
      if (isClient && stream.isWhole) this.#streams.delete(stream.id)
    }
    this.#dropAll(error)
  }

  #dropAll(error: StreamError): void {
    for (const stream of this.#streams.values()) stream.destroy(error)
    this.#streams.clear()
    this.#drained()
  }
}

/** Reading ends with the peer's half-close; `end` half-closes our side; `destroy` resets. */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: SpdyHeaders
  readonly #session: SpdySession
  readonly #pieceBytesMax: number
  #peerDone = false
  #gone = false

  constructor(
    session: SpdySession,
    id: number,
    headers: SpdyHeaders,
    pieceBytesMax: number,
    unreadBytesMax: number,
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: unreadBytesMax })
    this.#session = session
    this.id = id
    this.headers = headers
    this.#pieceBytesMax = pieceBytesMax
    // A reset is no surprise; whoever cares listens too.
    this.on('error', () => {})
  }

  /** First value of a header, or ''. */
  header(name: string): string {
    return this.headers.get(name)?.[0] ?? ''
  }

  /** The peer has sent all that it will send. */
  get isWhole(): boolean {
    return this.#peerDone
  }

  accept(): void {
    this.#session.send({ kind: 'syn-reply', streamId: this.id, headers: new Map(), fin: false })
  }

  /** Refuses or cancels the stream. */
  reset(status: number): void {
    if (this.#gone) return
    this.#gone = true
    this.#session.send({ kind: 'rst-stream', streamId: this.id, status })
    this.destroy()
  }

  replied(fin: boolean): void {
    this.emit('replied')
    if (fin) this.received(new Uint8Array(), true)
  }

  received(bytes: Uint8Array, fin: boolean): void {
    if (this.#peerDone || this.destroyed) return
    if (bytes.length > 0 && !this.push(bytes)) this.#session.hold(this)
    if (!fin) return
    this.#peerDone = true
    this.push(null)
  }

  wasReset(): void {
    this.#gone = true
    this.destroy(new StreamError('closed', 'the peer reset the stream'))
  }

  override _read(): void {
    this.#session.release(this)
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    let open = true
    for (let at = 0; at < chunk.length; at += this.#pieceBytesMax) {
      const bytes = chunk.subarray(at, at + this.#pieceBytesMax)
      open = this.#session.send({ kind: 'data', streamId: this.id, bytes, fin: false })
    }
    if (open) callback()
    else this.#session.whenDrained(() => callback())
  }

  override _final(callback: (error?: Error) => void): void {
    const none = new Uint8Array()
    this.#session.send({ kind: 'data', streamId: this.id, bytes: none, fin: true })
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const whole = this.#peerDone && this.writableFinished
    if (!whole && !this.#gone) {
      this.#gone = true
      this.#session.send({
        kind: 'rst-stream',
        streamId: this.id,
        status: resetStatus.cancel,
      })
    }
    this.#session.forget(this)
    callback(error)
  }
}
