// Joins a client to a container that runs: what its processes write from now on, read from the files
// that they append to, and what the client types, through the FIFO that is their input. Counterpart:
// the CRI's Attach. A client who is too slow loses what the log has taken over and given back.

import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { Clock } from '../../../../platform/clock.js'
import type { Files, OpenFile } from '../../../../platform/files.js'
import type { Processes } from '../../../../platform/processes.js'
import type { CommandStreams } from '../../../streams/remote-command.js'
import type { LogStream } from '../../logs/log-line.js'
import type { ProcessRun } from './process-run.js'
import { ioFiles } from './supervisor.js'

const pieceBytes = 64 * 1024
/** Notices of the file system may be lost; this is how late output comes then. */
const lookMs = 1_000

export interface AttachRequest {
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  readonly run: ProcessRun
  readonly streams: CommandStreams
  /** The end of the client's input, or its leaving, is the end of the container's input. */
  readonly stdinOnce: boolean
}

/** Resolves when the container has ended and its output is out, or when the client has left. */
export async function attachToRun(request: AttachRequest): Promise<void> {
  const { streams } = request
  const changes = new Changes(request)
  let leaveInput = (): void => {}
  const stdout = await openOutput(request, 'stdout')
  const stderr = await openOutput(request, 'stderr')
  try {
    // After the end of the output was found: what the input makes of it is the client's already.
    leaveInput = joinInput(request)
    await Promise.all([
      follow(request, stdout, streams.stdout, changes),
      follow(request, stderr, streams.stderr, changes),
    ])
  } finally {
    changes.close()
    leaveInput()
    await stdout.file.close()
    await stderr.file.close()
  }
}

/** Tells of everything after which a look at the output may be worth it. */
class Changes {
  readonly #stop: () => void
  #waiters: (() => void)[] = []

  constructor({ files, clock, run, streams }: AttachRequest) {
    const wake = (): void => {
      const waiters = this.#waiters
      this.#waiters = []
      for (const waiter of waiters) waiter()
    }
    const watch = files.watch(run.io, wake)
    const ticker = clock.setTicker(lookMs, wake)
    streams.signal.addEventListener('abort', wake)
    run.endSignal.addEventListener('abort', wake)
    this.#stop = () => {
      watch.close()
      ticker.cancel()
      streams.signal.removeEventListener('abort', wake)
      run.endSignal.removeEventListener('abort', wake)
    }
  }

  next(): Promise<void> {
    return new Promise(resolve => {
      this.#waiters.push(resolve)
    })
  }

  close(): void {
    this.#stop()
  }
}

interface Output {
  readonly stream: LogStream
  readonly file: OpenFile
  readonly bytes: number
}

async function openOutput({ files, run }: AttachRequest, stream: LogStream): Promise<Output> {
  const file = await files.open(join(run.io, ioFiles[stream]), null)
  return { stream, file, bytes: await file.bytes() }
}

/** With no `to` it only waits for the end. */
async function follow(
  { run, streams }: AttachRequest,
  { stream, file, bytes }: Output,
  to: Writable | null,
  changes: Changes,
): Promise<void> {
  let offset = bytes
  while (!streams.signal.aborted) {
    // Asked for before the look, so that nothing falls between the two.
    const { ended } = run
    const change = changes.next()
    offset = Math.max(offset, run.log.releasedBytes(stream))
    const piece = to === null ? new Uint8Array() : await file.read(offset, pieceBytes)
    // Given back meanwhile: what was read may be zeros.
    if (run.log.releasedBytes(stream) > offset) continue
    if (piece.length > 0 && to !== null) {
      offset += piece.length
      await taken(to, piece)
    } else if (ended) return
    else await change
  }
}

/** Resolves when `to` wants more, or wants nothing any more. */
function taken(to: Writable, piece: Uint8Array): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      to.off('close', done)
      resolve()
    }
    to.once('close', done)
    if (to.writable) to.write(piece, done)
    else done()
  })
}

/** Answers what to call when the client has left. */
function joinInput({ run, streams, stdinOnce, processes }: AttachRequest): () => void {
  const { stdin } = streams
  if (stdin === null) return () => {}
  const fifo = openFifo(join(run.io, ioFiles.stdin))
  if (fifo === null) {
    stdin.resume()
    return () => {}
  }
  const leave = (): void => {
    stdin.unpipe(fifo)
    fifo.end()
    if (stdinOnce && run.supervisor !== null) processes.signal(run.supervisor, 'SIGUSR2')
  }
  stdin.pipe(fifo, { end: false })
  fifo.on('error', () => stdin.resume())
  stdin.once('end', leave)
  return () => {
    stdin.off('end', leave)
    if (!stdin.readableEnded) leave()
    fifo.destroySoon()
  }
}

/** Null where the container takes no input. Never blocks: not every container reads what it may. */
function openFifo(path: string): Socket | null {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    return new Socket({ fd, readable: false, writable: true })
  } catch {
    return null
  }
}
