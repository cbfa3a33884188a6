// The server's end of port-forward: pairs of streams, each pair one connection to a port of the pod.
// Counterpart: pkg/kubelet/cri/streaming/portforward. Over SPDY a pair is two streams of one request
// id; over the channels of a WebSocket every port of the query has its two from the start.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { finished, PassThrough } from 'node:stream'
import type { Duplex, Readable, Writable } from 'node:stream'
import type WebSocket from 'ws'
import type { Clock, Timer } from '../../platform/clock.js'
import { decodeChannelMessage } from './channel-messages.js'
import type { ChannelProtocol } from './channel-messages.js'
import { channelWriter } from './remote-command.js'
import { resetStatus } from './spdy-frames.js'
import { SpdySession } from './spdy-session.js'
import type { SpdyStream } from './spdy-session.js'
import { StreamError } from './stream-error.js'
import { StreamWatch } from './stream-watch.js'
import type { StreamLimits } from './stream-watch.js'

export const portForwardProtocol = 'portforward.k8s.io'
/** As a subprotocol of a WebSocket whose messages are that SPDY connection's bytes. */
export const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`
export const portForwardChannelProtocols: readonly ChannelProtocol[] = [
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
]

const streamsMax = 512
const pairMs = 30_000
const connectMs = 10_000
const unreadBytesMax = 256 * 1024

export interface PortForwardTarget {
  /** Of the pod. */
  readonly address: string
  /** As errors name it. */
  readonly podName: string
}

/** Serves until the client leaves. */
export async function spdyPortForward(
  socket: Duplex,
  target: PortForwardTarget,
  clock: Clock,
  limits: StreamLimits,
): Promise<void> {
  const pairs = new Map<string, Pair>()
  const session = new SpdySession(socket, {
    role: 'server',
    streamsMax,
    onData: () => watch.touch(),
    onStream: stream => {
      const type = stream.header('streamtype')
      const port = portOf(stream.header('port'))
      if ((type !== 'data' && type !== 'error') || port === null) {
        stream.reset(resetStatus.protocolError)
        return
      }
      const requestId = stream.header('requestid')
      const pair = pairs.get(requestId) ?? new Pair(clock, () => pairs.delete(requestId))
      pairs.set(requestId, pair)
      if (!pair.add(type, stream)) {
        stream.reset(resetStatus.protocolError)
        return
      }
      stream.accept()
      const whole = pair.take()
      if (whole === null) return
      // Clients write nothing to it, but close their half.
      whole.error.resume()
      forward(target, port, { source: whole.data, sink: whole.data, error: whole.error })
    },
  })
  const watch = new StreamWatch(
    clock,
    limits,
    () => session.ping(),
    () => session.destroy(),
  )
  await session.closed
  watch.stop()
  for (const pair of pairs.values()) pair.cancel()
}

/** Streams of one request until both are there. */
class Pair {
  readonly #forget: () => void
  readonly #timer: Timer
  readonly #streams = new Map<'data' | 'error', SpdyStream>()

  constructor(clock: Clock, forget: () => void) {
    this.#forget = forget
    this.#timer = clock.setTimer(pairMs, () => {
      for (const stream of this.#streams.values()) stream.reset(resetStatus.cancel)
      forget()
    })
  }

  add(type: 'data' | 'error', stream: SpdyStream): boolean {
    if (this.#streams.has(type)) return false
    this.#streams.set(type, stream)
    return true
  }

  take(): { readonly data: SpdyStream; readonly error: SpdyStream } | null {
    const data = this.#streams.get('data')
    const error = this.#streams.get('error')
    if (data === undefined || error === undefined) return null
    this.cancel()
    this.#forget()
    return { data, error }
  }

  cancel(): void {
    this.#timer.cancel()
  }
}

function portOf(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : null
}

interface Ends {
  readonly source: Readable
  readonly sink: Writable
  readonly error: Writable
}

/** One connection. What goes wrong is told on the error stream, which ends empty when nothing did. */
function forward(target: PortForwardTarget, port: number, { source, sink, error }: Ends): Socket {
  const { address, podName } = target
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
  // Only until it is there: a forwarded connection may be silent for hours.
  socket.setTimeout(connectMs, () => {
    socket.destroy(new Error(`connect to ${address}:${port} took too long`))
  })
  socket.once('connect', () => {
    socket.setTimeout(0)
    source.pipe(socket)
    socket.pipe(sink)
  })
  socket.once('error', cause => {
    if (!error.writable) return
    error.end(`error forwarding port ${port} to pod ${podName}: ${cause.message}`)
  })
  socket.once('close', () => {
    if (error.writable) error.end()
    if (sink.writable) sink.end()
    // Nothing takes what the client may still send.
    source.unpipe(socket)
    source.resume()
  })
  // Reset by the client, or gone with it: what came before its end was whole is no end.
  source.once('close', () => {
    if (!source.readableEnded) socket.destroy()
  })
  sink.once('close', () => {
    if (!sink.writableFinished) socket.destroy()
  })
  return socket
}

/** Serves until the client leaves or every connection has ended. */
export async function webSocketPortForward(
  socket: WebSocket,
  protocol: ChannelProtocol,
  ports: readonly number[],
  target: PortForwardTarget,
  clock: Clock,
  limits: StreamLimits,
): Promise<void> {
  const watch = new StreamWatch(
    clock,
    limits,
    () => socket.ping(),
    () => socket.terminate(),
  )
  const behind = new Set<PassThrough>()
  const inputs: PassThrough[] = []
  const connections: Socket[] = []
  let open = ports.length
  for (const [at, port] of ports.entries()) {
    const input = new PassThrough({ highWaterMark: unreadBytesMax })
    input.on('drain', () => {
      behind.delete(input)
      if (behind.size === 0) socket.resume()
    })
    const writer = (channel: number): Writable => {
      const made = channelWriter(socket, protocol, channel, () => watch.touch())
      // Which port it is comes first, in two bytes.
      made.write(Buffer.from([port & 0xff, port >> 8]))
      return made
    }
    const ends = { source: input, sink: writer(2 * at), error: writer(2 * at + 1) }
    const connection = forward(target, port, ends)
    finished(ends.sink, () => {
      open -= 1
      if (open === 0) socket.close(1000)
    })
    inputs.push(input)
    connections.push(connection)
  }
  socket.on('message', (message: Buffer) => {
    watch.touch()
    try {
      const read = decodeChannelMessage(protocol, message)
      const input = read === null || read.channel % 2 === 1 ? undefined : inputs[read.channel / 2]
      if (read?.kind !== 'data' || input === undefined || !input.writable) return
      if (input.write(read.bytes)) return
      behind.add(input)
      socket.pause()
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      socket.close(1002, error.message)
    }
  })
  socket.on('error', () => socket.terminate())
  await new Promise<void>(resolve => {
    socket.once('close', () => resolve())
  })
  watch.stop()
  for (const connection of connections) connection.destroy()
}
