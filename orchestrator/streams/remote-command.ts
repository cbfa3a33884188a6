// The server's end of exec and attach: whichever way a client speaks, the command gets plain streams,
// terminal sizes and a signal that the client has left. Counterpart: pkg/kubelet/cri/streaming/
// remotecommand. Of the protocols those are spoken that carry an exit code: v4 and v5.

import { PassThrough, Writable } from 'node:stream'
import type { Duplex, Readable } from 'node:stream'
import type WebSocket from 'ws'
import type { Clock } from '../../platform/clock.js'
import type { Status } from '../api/status.js'
import { channels, decodeChannelMessage, encodeChannelMessage } from './channel-messages.js'
import type { ChannelProtocol } from './channel-messages.js'
import { resetStatus } from './spdy-frames.js'
import { SpdySession } from './spdy-session.js'
import type { SpdyStream } from './spdy-session.js'
import { StreamError } from './stream-error.js'
import { StreamWatch } from './stream-watch.js'
import type { StreamLimits } from './stream-watch.js'
import { TerminalSizeReader } from './terminal-size.js'
import type { TerminalSize } from './terminal-size.js'

/** What the client asked for. */
export interface CommandOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** What the command works with. A stream that was not asked for is null. */
export interface CommandStreams {
  readonly stdin: Readable | null
  readonly stdout: Writable | null
  readonly stderr: Writable | null
  /** The listener gets the newest size known, and every later one. */
  onResize(listener: (size: TerminalSize) => void): void
  /** Aborted when the client has left or a limit was reached. */
  readonly signal: AbortSignal
}

export interface CommandSession {
  readonly streams: CommandStreams
  /** Sends what is left of the output, then how it ended, then closes. Resolves when all is out. */
  finish(status: Status): Promise<void>
}

export const spdyCommandProtocol = 'v4.channel.k8s.io'
export const commandChannelProtocols: readonly ChannelProtocol[] = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
]

const openMs = 30_000
const closeMs = 10_000
const unreadBytesMax = 256 * 1024

class Sizes {
  readonly #reader = new TerminalSizeReader()
  #newest: TerminalSize | null = null
  #listener: (size: TerminalSize) => void = () => {}

  push(bytes: Uint8Array): void {
    const size = this.#reader.push(bytes)
    if (size === null) return
    this.#newest = size
    this.#listener(size)
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#listener = listener
    if (this.#newest !== null) listener(this.#newest)
  }
}

/** Once the client has opened every stream it needs. Rejects with StreamError when it does not. */
export function spdyCommand(
  socket: Duplex,
  options: CommandOptions,
  clock: Clock,
  limits: StreamLimits,
): Promise<CommandSession> {
  const gone = new AbortController()
  const sizes = new Sizes()
  const opened = new Map<string, SpdyStream>()
  const wanted = ['error']
  if (options.stdin) wanted.push('stdin')
  if (options.stdout) wanted.push('stdout')
  if (options.stderr && !options.tty) wanted.push('stderr')
  if (options.tty) wanted.push('resize')
  return new Promise((resolve, reject) => {
    const session = new SpdySession(socket, {
      role: 'server',
      streamsMax: 8,
      onData: () => watch.touch(),
      onStream: stream => {
        const type = stream.header('streamtype')
        if (!wanted.includes(type) || opened.has(type)) {
          stream.reset(resetStatus.refusedStream)
          return
        }
        stream.accept()
        opened.set(type, stream)
        if (opened.size === wanted.length) begin()
      },
    })
    const watch = new StreamWatch(
      clock,
      limits,
      () => session.ping(),
      () => session.destroy(),
    )
    const late = clock.setTimer(openMs, () => session.destroy())
    void session.closed.then(() => {
      late.cancel()
      watch.stop()
      gone.abort()
      reject(new StreamError('closed', 'the client left before it had opened its streams'))
    })
    const begin = (): void => {
      late.cancel()
      watchSizes(opened.get('resize'), sizes, session)
      const { stdin, stdout, stderr } = Object.fromEntries(opened)
      const error = opened.get('error')
      // Nobody reads these; what is sent on them must not hold back the rest.
      for (const stream of [stdout, stderr, error]) stream?.resume()
      resolve({
        streams: {
          stdin: stdin ?? null,
          stdout: stdout ?? null,
          stderr: stderr ?? null,
          onResize: listener => sizes.onResize(listener),
          signal: gone.signal,
        },
        async finish(status) {
          stdin?.resume()
          await Promise.all([ended(stdout, gone.signal), ended(stderr, gone.signal)])
          error?.end(JSON.stringify(status))
          if (error !== undefined) await ended(error, gone.signal)
          session.close()
          clock.setTimer(closeMs, () => session.destroy())
          await session.closed
        },
      })
    }
  })
}

function watchSizes(stream: SpdyStream | undefined, sizes: Sizes, session: SpdySession): void {
  stream?.on('data', (bytes: Buffer) => {
    try {
      sizes.push(bytes)
    } catch {
      session.destroy()
    }
  })
}

/** Ends a stream if nobody has, and resolves when it is out or nobody wants it any more. */
function ended(stream: Writable | null | undefined, gone: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (!stream || gone.aborted || stream.destroyed || stream.writableFinished) {
      resolve()
      return
    }
    stream.once('finish', resolve)
    stream.once('close', resolve)
    gone.addEventListener('abort', () => resolve(), { once: true })
    if (!stream.writableEnded) stream.end()
  })
}

export function webSocketCommand(
  socket: WebSocket,
  protocol: ChannelProtocol,
  options: CommandOptions,
  clock: Clock,
  limits: StreamLimits,
): CommandSession {
  const gone = new AbortController()
  const sizes = new Sizes()
  const stdin = options.stdin
    ? new PassThrough({ highWaterMark: unreadBytesMax, readableHighWaterMark: 0 })
    : null
  stdin?.on('drain', () => socket.resume())
  stdin?.on('error', () => {})
  const watch = new StreamWatch(
    clock,
    limits,
    () => socket.ping(),
    () => socket.terminate(),
  )
  socket.on('message', (message: Buffer) => {
    watch.touch()
    try {
      const read = decodeChannelMessage(protocol, message)
      if (read?.channel === channels.resize && read.kind === 'data') sizes.push(read.bytes)
      if (read?.channel !== channels.stdin || stdin === null || stdin.writableEnded) return
      if (read.kind === 'close') stdin.end()
      else if (!stdin.destroyed && !stdin.write(read.bytes)) socket.pause()
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      socket.close(1002, error.message)
    }
  })
  socket.on('error', () => socket.terminate())
  socket.once('close', () => {
    watch.stop()
    gone.abort()
    stdin?.destroy()
  })
  const output = (asked: boolean, channel: number): Writable | null =>
    asked ? channelWriter(socket, protocol, channel, () => watch.touch()) : null
  const stdout = output(options.stdout, channels.stdout)
  const stderr = output(options.stderr && !options.tty, channels.stderr)
  return {
    streams: {
      stdin,
      stdout,
      stderr,
      onResize: listener => sizes.onResize(listener),
      signal: gone.signal,
    },
    async finish(status) {
      // What the client still sends is for nobody, but its close has to be seen.
      stdin?.resume()
      socket.resume()
      await Promise.all([ended(stdout, gone.signal), ended(stderr, gone.signal)])
      const text = Buffer.from(JSON.stringify(status))
      const error = channelWriter(socket, protocol, channels.error)
      error.end(text)
      await ended(error, gone.signal)
      if (gone.signal.aborted) return
      socket.close(1000)
      clock.setTimer(closeMs, () => socket.terminate())
      await new Promise<void>(resolve => {
        socket.once('close', () => resolve())
      })
    },
  }
}

/** Writes one channel, no faster than the connection takes it. */
export function channelWriter(
  socket: WebSocket,
  protocol: ChannelProtocol,
  channel: number,
  onData: () => void = () => {},
): Writable {
  const writer = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      onData()
      socket.send(encodeChannelMessage(protocol, channel, chunk), error =>
        callback(error === null || error === undefined ? null : error),
      )
    },
  })
  writer.on('error', () => {})
  return writer
}
