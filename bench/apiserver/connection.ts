// One HTTP/1.1 connection over TLS with one request under way at a time, written and read by hand: what a
// general client costs would be taken from the servers it measures, on the same two cores.

import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type Answer, AnswerReader } from './answer-reader.js'

export interface Question {
  readonly body?: Buffer
  readonly accept?: string
  /** Whether the answer's body is wanted. */
  readonly keep?: boolean
}

interface Waiting {
  readonly keep: boolean
  readonly done: (answer: Answer | Error) => void
  /** Of an answer that goes on: every piece of it as it comes. */
  readonly piece: ((piece: Buffer) => void) | null
}

export class Connection {
  readonly #socket: TLSSocket
  readonly #host: string
  #waiting: Waiting | null = null

  private constructor(socket: TLSSocket, host: string) {
    this.#socket = socket
    this.#host = host
    const reader = new AnswerReader({
      keeps: () => this.#waiting?.keep === true,
      piece: piece => this.#waiting?.piece?.(piece),
      done: answer => this.#end(answer),
    })
    socket.on('data', data => reader.read(data))
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error('the connection ended')))
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

  ask(method: string, path: string, question: Question = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const done = (answer: Answer | Error) =>
        answer instanceof Error ? reject(answer) : resolve(answer)
      this.send(method, path, { ...question, done })
    })
  }

  send(
    method: string,
    path: string,
    options: Question & Pick<Waiting, 'done'> & Partial<Pick<Waiting, 'piece'>>,
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

  #end(answer: Answer | Error): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.done(answer)
  }
}
