// Reads HTTP/1.1 answers off a connection, as this house's API server writes them: a length or chunks, nothing
// else. Pure: it is fed what arrives, however it is cut.

export interface Answer {
  readonly status: number
  /** In lower case, a line each. */
  readonly headers: string
  readonly bytes: number
  /** Empty unless it was asked for. */
  readonly body: Buffer
}

interface Unfinished {
  readonly status: number
  readonly headers: string
  readonly pieces: Buffer[]
  bytes: number
}

export interface AnswerHandlers {
  /** Whether bodies are kept for `done`. */
  readonly keeps: () => boolean
  /** Of a body, as it comes. */
  readonly piece: (piece: Buffer) => void
  readonly done: (answer: Answer) => void
}

const endOfHead = Buffer.from('\r\n\r\n')

export class AnswerReader {
  readonly #handlers: AnswerHandlers
  /** What has come of a head. */
  #head: Buffer = Buffer.alloc(0)
  /** Null while the head is awaited. */
  #answer: Unfinished | null = null
  /** What is still to come of the body, or of its present chunk. */
  #left = 0
  #chunked = false
  /** What has come of a chunk's first line. */
  #line = ''
  #lastChunk = false

  constructor(handlers: AnswerHandlers) {
    this.#handlers = handlers
  }

  read(data: Buffer): void {
    let rest = data
    while (rest.length > 0) {
      const answer = this.#answer
      if (answer === null) rest = this.#readHead(rest)
      else if (this.#left > 0) rest = this.#readBody(answer, rest)
      else rest = this.#readChunkLine(answer, rest)
    }
  }

  #readBody(answer: Unfinished, data: Buffer): Buffer {
    const piece = data.subarray(0, this.#left)
    this.#left -= piece.length
    answer.bytes += piece.length
    if (this.#handlers.keeps()) answer.pieces.push(piece)
    this.#handlers.piece(piece)
    if (this.#left === 0 && !this.#chunked) this.#end(answer)
    return data.subarray(piece.length)
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
    this.#left = this.#chunked ? 0 : Number(/\r\ncontent-length: (\d+)/.exec(headers)?.[1] ?? 0)
    if (!this.#chunked && this.#left === 0) this.#end(answer)
    return all.subarray(end + endOfHead.length)
  }

  /** The line before a chunk, the empty one behind it, and the empty one behind all. */
  #readChunkLine(answer: Unfinished, data: Buffer): Buffer {
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

  #end({ status, headers, bytes, pieces }: Unfinished): void {
    this.#answer = null
    this.#handlers.done({ status, headers, bytes, body: Buffer.concat(pieces) })
  }
}
