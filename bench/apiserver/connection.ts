// One HTTP/1.1 connection over TLS with one request under way at a time, read by hand: what a general
// client costs would be taken from the servers it measures, on the same two cores. Reads what this house's
// API server writes: a length or chunks, nothing else.

import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly bytes: number
  /** Empty unless it was asked for. */
  readonly body: Buffer
}

interface Waiting {
  readonly keep: boolean
  readonly done: (answer: Answer | Error) => void
  /** Of an answer that goes on: every piece of it as it comes. */
  readonly piece: ((piece: Buffer) => void) | null
}

const endOfHead = Buffer.from('\r\n\r\n')

export class Connection {
  readonly #socket: TLSSocket
  readonly #host: string
  #waiting: Waiting | null = null
  #head: Buffer = Buffer.alloc(0)
  /** Null while the head is awaited. */
  #answer: { status: number; headers: string; bytes: number; pieces: Buffer[] } | null = null
  /** What is still to come of the body, or of its present chunk. */
  #left = 0
  #chunked = false
  /** What has come of a chunk's first line. */
  #line = ''
  #lastChunk = false

  private constructor(socket: TLSSocket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.on('data', data => this.#read(data))
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the connection ended')))
  }

  static open(options: ConnectionOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        socket.off('error', reject)
        socket.setNoDelay(true)
        resolve(new Connection(socket, `${options.host}:${options.port}`))
      })
      socket.once('error', reject)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  ask(
    method: string,
    path: string,
    options: { readonly body?: Buffer; readonly accept?: string; readonly keep?: boolean } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.send(method, path, {
        ...options,
        done: one => (one instanceof Error ? reject(one) : resolve(one)),
      })
    })
  }

  send(
    method: string,
    path: string,
    options: {
      readonly body?: Buffer
      readonly accept?: string
      readonly keep?: boolean
      readonly piece?: (piece: Buffer) => void
      readonly done: (answer: Answer | Error) => void
    },
  ): void {
    const { body, accept = 'application/json', keep = false, piece = null, done } = options
    if (this.#waiting !== null) throw new Error('one request at a time')
    this.#waiting = { keep, done, piece }
    const entity =
      body === undefined
        ? ''
        : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\naccept: ${accept}\r\n${entity}\r\n`
    this.#socket.write(body === undefined ? head : Buffer.concat([Buffer.from(head), body]))
  }

  #fail(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.done(error)
  }

  #read(data: Buffer): void {
    let rest = data
    while (rest.length > 0) {
      const answer = this.#answer
      if (answer === null) {
        rest = this.#readHead(rest)
      } else if (this.#left > 0) {
        const piece = rest.subarray(0, this.#left)
        this.#left -= piece.length
        rest = rest.subarray(piece.length)
        this.#take(answer, piece)
        if (this.#left === 0 && !this.#chunked) this.#end(answer)
      } else {
        rest = this.#readChunkLine(answer, rest)
      }
    }
  }

  #take(answer: { bytes: number; pieces: Buffer[] }, piece: Buffer): void {
    answer.bytes += piece.length
    if (this.#waiting?.keep === true) answer.pieces.push(piece)
    this.#waiting?.piece?.(piece)
  }

  #readHead(data: Buffer): Buffer {
    const all = this.#head.length === 0 ? data : Buffer.concat([this.#head, data])
    const end = all.indexOf(endOfHead)
    if (end < 0) {
      this.#head = all
      return all.subarray(all.length)
    }
    this.#head = Buffer.alloc(0)
    const headers = all.toString('latin1', 0, end).toLowerCase()
    const answer = { status: Number(headers.slice(9, 12)), headers, bytes: 0, pieces: [] }
    this.#answer = answer
    this.#chunked = headers.includes('\r\ntransfer-encoding: chunked')
    this.#lastChunk = false
    this.#line = ''
    this.#left = this.#chunked ? 0 : Number(/\r\ncontent-length: (\d+)/.exec(headers)?.[1] ?? 0)
    if (!this.#chunked && this.#left === 0) this.#end(answer)
    return all.subarray(end + endOfHead.length)
  }

  /** The line before a chunk, the empty one behind it, and the empty one behind all. */
  #readChunkLine(
    answer: { status: number; headers: string; bytes: number; pieces: Buffer[] },
    data: Buffer,
  ): Buffer {
    const end = data.indexOf(10)
    this.#line += data.toString('latin1', 0, end < 0 ? data.length : end + 1)
    if (end < 0) return data.subarray(data.length)
    const line = this.#line.trim()
    this.#line = ''
    if (line !== '') {
      this.#left = Number.parseInt(line, 16)
      this.#lastChunk = this.#left === 0
    } else if (this.#lastChunk) this.#end(answer)
    return data.subarray(end + 1)
  }

  #end({
    status,
    headers,
    bytes,
    pieces,
  }: {
    status: number
    headers: string
    bytes: number
    pieces: Buffer[]
  }): void {
    this.#answer = null
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.done({ status, headers, bytes, body: Buffer.concat(pieces) })
  }
}
