// The client's end of exec and attach, towards the streaming server that a CRI runtime names: SPDY/3.1, which every
// runtime of v1 speaks and which knows the end of an input. Counterpart: client-go's SPDY executor. Plain HTTP alone: the
// server is on this machine.

import http from 'node:http'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { CommandStreams } from '../../../streams/remote-command.js'
import { spdyCommandProtocol } from '../../../streams/remote-command.js'
import { SpdySession, type SpdyStream } from '../../../streams/spdy-session.js'
import { RuntimeError } from '../../runtime.js'

const connectMs = 10_000
const statusBytesMax = 64 * 1024

/** Resolves with the exit code once all output was handed on. Throws RuntimeError. */
export async function streamCommand(
  url: string,
  tty: boolean,
  streams: CommandStreams,
): Promise<number> {
  const socket = await upgrade(url, streams.signal)
  const session = new SpdySession(socket, {
    role: 'client',
    streamsMax: 8,
    // The server opens none.
    onStream: stream => stream.destroy(),
  })
  const leave = (): void => session.destroy()
  streams.signal.addEventListener('abort', leave)
  try {
    return await converse(session, tty, streams)
  } finally {
    streams.signal.removeEventListener('abort', leave)
    session.close()
  }
}

async function converse(
  session: SpdySession,
  tty: boolean,
  streams: CommandStreams,
): Promise<number> {
  const { stdin, stdout, stderr } = streams
  const open = (type: string): SpdyStream => session.open(new Map([['streamtype', [type]]]))
  const error = open('error')
  const input = stdin === null ? null : open('stdin')
  const outputs = [
    ...(stdout === null ? [] : [{ from: open('stdout'), to: stdout }]),
    ...(stderr === null || tty ? [] : [{ from: open('stderr'), to: stderr }]),
  ]
  if (tty) {
    const resize = open('resize')
    streams.onResize(({ columns, rows }) => {
      if (resize.writable) resize.write(JSON.stringify({ Width: columns, Height: rows }))
    })
  }
  if (stdin !== null && input !== null) {
    stdin.pipe(input)
    // Once the command takes no more, what the client still sends is for nobody.
    input.once('close', () => stdin.resume())
  }
  const status = wholeText(error)
  await Promise.all(outputs.map(({ from, to }) => handOn(from, to)))
  return exitCode(await status)
}

/** Until the end of `from`, or until nobody wants more. */
async function handOn(from: SpdyStream, to: CommandStreams['stdout'] & object): Promise<void> {
  to.once('close', () => from.resume())
  from.pipe(to, { end: false })
  await finished(from, { writable: false }).catch(() => {})
}

async function wholeText(stream: SpdyStream): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= statusBytesMax) chunks.push(chunk)
  })
  await finished(stream, { writable: false }).catch(() => {})
  return Buffer.concat(chunks).toString('utf8')
}

interface StatusText {
  readonly status?: unknown
  readonly message?: unknown
  readonly reason?: unknown
  readonly details?: {
    readonly causes?: readonly { readonly reason?: unknown; readonly message?: unknown }[]
  }
}

/** What the last word of the server comes to. */
export function exitCode(text: string): number {
  let status: StatusText | null = null
  try {
    status = JSON.parse(text) as StatusText | null
  } catch {
    // Told below.
  }
  if (status?.status === 'Success') return 0
  if (status?.reason === 'NonZeroExitCode') {
    const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')
    const code = Number(cause?.message)
    if (Number.isInteger(code)) return code
  }
  const message = typeof status?.message === 'string' ? status.message : ''
  throw new RuntimeError(
    'runtime-failed',
    message || 'the container runtime broke off without saying how the command ended',
  )
}

function upgrade(url: string, signal: AbortSignal): Promise<Duplex> {
  const target = URL.canParse(url) ? new URL(url) : null
  if (target?.protocol !== 'http:') {
    throw new RuntimeError(
      'runtime-failed',
      `the container runtime streams at "${url}", not over HTTP`,
    )
  }
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown): void =>
      reject(
        new RuntimeError('runtime-failed', `streams of the container runtime: ${message}`, cause),
      )
    const request = http.request(target, {
      method: 'POST',
      agent: false,
      signal,
      headers: {
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': spdyCommandProtocol,
      },
    })
    request.setTimeout(connectMs, () => request.destroy(new Error('no answer in time')))
    request.once('upgrade', (_response, socket, head) => {
      socket.setTimeout(0)
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.once('response', response => {
      response.resume()
      fail(`it answered ${response.statusCode}`)
    })
    request.once('error', error => fail(error.message, error))
    request.end()
  })
}
