// Where log lines leave the process: one write at a time, in batches, bounded, and never in the way.
// pino's own destination retries a full disk forever when it flushes, sleeping on the event loop: a
// store would stop answering because its log file cannot grow. Here lines that cannot be written
// are dropped and counted, and the count is the first line that gets through.

import { write, writeSync } from 'node:fs'

export interface LogSinkOptions {
  readonly fd: number
  /** Characters that wait for the operating system; above this, lines are dropped. */
  readonly queueCharactersMax?: number
}

const queueCharactersMaxDefault = 1024 * 1024

export class LogSink {
  readonly #fd: number
  readonly #queueCharactersMax: number
  #queue: string[] = []
  #queuedCharacters = 0
  #writing = false
  #dropped = 0

  constructor(options: LogSinkOptions) {
    this.#fd = options.fd
    this.#queueCharactersMax = options.queueCharactersMax ?? queueCharactersMaxDefault
  }

  /** Lines that were lost since the last that got through. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    if (this.#queuedCharacters + line.length > this.#queueCharactersMax) {
      this.#dropped += 1
      return
    }
    this.#queue.push(line)
    this.#queuedCharacters += line.length
    if (!this.#writing) this.#writeNext()
  }

  /** Last words: what waits is written at once, or lost. For the end of the process. */
  flushAtExit(): void {
    const rest = this.#takeBatch()
    if (rest.length === 0) return
    try {
      writeSync(this.#fd, rest)
    } catch {
      // Nobody is left to be told.
    }
  }

  #takeBatch(): string {
    const batch = this.#queue.join('')
    this.#queue = []
    this.#queuedCharacters = 0
    return batch
  }

  #writeNext(): void {
    const lines = this.#queue.length
    if (lines === 0) return
    const notice =
      this.#dropped === 0
        ? ''
        : `${JSON.stringify({ level: 'warn', dropped: this.#dropped, msg: 'log lines were lost' })}\n`
    this.#writing = true
    this.#writeAll(Buffer.from(notice + this.#takeBatch()), 0, written => {
      this.#writing = false
      this.#dropped = written ? 0 : this.#dropped + lines
      this.#writeNext()
    })
  }

  #writeAll(bytes: Buffer, from: number, done: (written: boolean) => void): void {
    write(this.#fd, bytes, from, bytes.length - from, null, (error, count) => {
      if (error !== null) done(false)
      else if (from + count < bytes.length) this.#writeAll(bytes, from + count, done)
      else done(true)
    })
  }
}
