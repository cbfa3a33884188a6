// The log of one run of a container. The processes append to plain files, so that neither a dead
// kubelet nor a full pipe ever stops them or costs a line; this class turns what they wrote into
// the CRI's log format and gives the consumed space back to the file system. Counterpart: the
// logger of containerd's CRI plugin, with rotation from the kubelet's container log manager.
//
//   io/stdout ─┐ read from position   ┌─ log.7  (10 MiB, kept)
//   io/stderr ─┴────── encode ────────┴─ log.8  (being written)
//              log.position: offsets of both, generation and size of the log
//
// The position is written after the log, in one write. Where it is behind, after a kill between
// the two, the log is cut back to it and the lines are encoded again: none twice, none lost.

import { join } from 'node:path'
import { RaftsmanError } from '../../../../platform/errors.js'
import type { Files, OpenFile } from '../../../../platform/files.js'
import { encodeLines, type LogStream } from '../../logs/log-line.js'
import type { LogSource } from '../../logs/log-reader.js'
import { ioFiles } from './supervisor.js'

const chunkBytes = 64 * 1024
const positionBytes = 128
/** Consumed output that is worth a call to give back. */
const releaseBytes = 4 * 1024 * 1024

export interface ContainerLogOptions {
  /** Of this run; the output files are in its `io`. */
  readonly directory: string
  readonly files: Files
  readonly wallMs: () => number
  readonly generationBytesMax: number
  /** Gives the first `bytes` of a file back to the file system without moving the rest. */
  readonly release: (path: string, bytes: number) => void
}

interface Position {
  readonly stdout: number
  readonly stderr: number
  readonly generation: number
  readonly size: number
}

const start: Position = { stdout: 0, stderr: 0, generation: 0, size: 0 }

function parsePosition(text: string): Position {
  const match = /^(\d+) (\d+) (\d+) (\d+) *\n$/.exec(text)
  if (match === null) return start
  return {
    stdout: Number(match[1]),
    stderr: Number(match[2]),
    generation: Number(match[3]),
    size: Number(match[4]),
  }
}

interface OpenOutput {
  readonly stdout: OpenFile
  readonly stderr: OpenFile
  readonly positionFile: OpenFile
  log: OpenFile
}

export class ContainerLog implements LogSource {
  private readonly options: ContainerLogOptions
  private position: Position = start
  private opened: OpenOutput | null = null
  private queue: Promise<void> = Promise.resolve()
  private waiters = new Set<() => void>()
  private readonly released: Record<LogStream, number> = { stdout: 0, stderr: 0 }
  private ended = false
  /** Why the log cannot be written; it is tried again with every pump. */
  private trouble: RaftsmanError | null = null

  constructor(options: ContainerLogOptions) {
    this.options = options
  }

  /** With all of it taken over. */
  get complete(): boolean {
    return this.ended
  }

  get failure(): RaftsmanError | null {
    return this.trouble
  }

  get extent(): { readonly generation: number; readonly size: number } {
    return this.position
  }

  /** How much of an output file may have been given back: what is read of it is lost. */
  releasedBytes(stream: LogStream): number {
    return this.released[stream]
  }

  generationPath(generation: number): string {
    return join(this.options.directory, `log.${generation}`)
  }

  /** Takes over what is new in the output files; with `last` also a line that has no end. */
  pump(last: boolean): Promise<void> {
    const turn = this.queue.then(() => this.pumpNow(last))
    this.queue = turn
    return turn
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        this.waiters.delete(done)
        resolve()
      }
      signal.addEventListener('abort', done)
      this.waiters.add(done)
      if (signal.aborted) done()
    })
  }

  async close(): Promise<void> {
    await this.queue
    await this.closeFiles()
    this.wake()
  }

  private async pumpNow(last: boolean): Promise<void> {
    if (this.ended) return
    try {
      const output = await this.open()
      const before = this.position
      await this.take(output, 'stdout', last)
      await this.take(output, 'stderr', last)
      this.trouble = null
      if (last) {
        this.ended = true
        await this.closeFiles()
      }
      if (last || this.position !== before) this.wake()
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.trouble = error
      // Whoever follows must not wait for what can no longer be written.
      if (last) {
        this.ended = true
        this.wake()
      }
    }
  }

  private async open(): Promise<OpenOutput> {
    if (this.opened !== null) return this.opened
    const { directory, files } = this.options
    const io = join(directory, 'io')
    const opened: OpenFile[] = []
    const open = async (path: string): Promise<OpenFile> => {
      const file = await files.open(path, 0o600)
      opened.push(file)
      return file
    }
    try {
      const positionFile = await open(join(directory, 'log.position'))
      const text = Buffer.from(await positionFile.read(0, positionBytes)).toString('latin1')
      this.position = parsePosition(text)
      const log = await open(this.generationPath(this.position.generation))
      await log.truncate(this.position.size)
      const stdout = await open(join(io, ioFiles.stdout))
      const stderr = await open(join(io, ioFiles.stderr))
      this.opened = { stdout, stderr, positionFile, log }
    } catch (error) {
      for (const file of opened) await file.close()
      throw error
    }
    this.released.stdout = this.position.stdout
    this.released.stderr = this.position.stderr
    return this.opened
  }

  private async take(output: OpenOutput, stream: LogStream, last: boolean): Promise<void> {
    const source = output[stream]
    // A process that writes faster than we read must not keep the other stream waiting for ever.
    const until = await source.bytes()
    for (;;) {
      const from = this.position[stream]
      if (from >= until && !last) break
      const chunk = await source.read(from, chunkBytes)
      if (chunk.length === 0) break
      const atEnd = chunk.length < chunkBytes
      const encoded = encodeLines(chunk, stream, this.options.wallMs(), last && atEnd)
      if (encoded.consumed === 0) break
      await this.append(output, stream, encoded.bytes, encoded.consumed)
      if (atEnd && !last) break
    }
    this.releaseConsumed(stream)
  }

  private async append(
    output: OpenOutput,
    stream: LogStream,
    bytes: Uint8Array,
    consumed: number,
  ): Promise<void> {
    if (this.position.size >= this.options.generationBytesMax) await this.rotate(output)
    await output.log.write(bytes, this.position.size)
    const next: Position = {
      ...this.position,
      [stream]: this.position[stream] + consumed,
      size: this.position.size + bytes.length,
    }
    await this.note(output, next)
  }

  private async rotate(output: OpenOutput): Promise<void> {
    const { files } = this.options
    const generation = this.position.generation + 1
    const log = await files.open(this.generationPath(generation), 0o600)
    try {
      await log.truncate(0)
      await this.note(output, { ...this.position, generation, size: 0 })
    } catch (error) {
      await log.close()
      throw error
    }
    await output.log.close()
    output.log = log
    if (generation >= 2) await files.removeTree(this.generationPath(generation - 2))
  }

  private async note(output: OpenOutput, next: Position): Promise<void> {
    const text = `${next.stdout} ${next.stderr} ${next.generation} ${next.size}`
    await output.positionFile.write(Buffer.from(`${text.padEnd(positionBytes - 1)}\n`), 0)
    this.position = next
  }

  private releaseConsumed(stream: LogStream): void {
    const consumed = this.position[stream]
    if (consumed - this.released[stream] < releaseBytes) return
    // Before, so that a reader who asks afterwards learns of it.
    this.released[stream] = consumed
    this.options.release(join(this.options.directory, 'io', ioFiles[stream]), consumed)
  }

  private async closeFiles(): Promise<void> {
    const output = this.opened
    this.opened = null
    if (output === null) return
    for (const file of [output.stdout, output.stderr, output.positionFile, output.log]) {
      await file.close()
    }
  }

  private wake(): void {
    const waiters = this.waiters
    this.waiters = new Set()
    for (const waiter of waiters) waiter()
  }
}
