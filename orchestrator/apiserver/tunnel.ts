// Joins an upgraded connection of a client to one of a server behind us: bytes pass both ways at the
// pace of who takes them, and nothing here knows what they mean. Counterpart: apimachinery's
// UpgradeAwareHandler; it also translates, which is not needed where nodes speak what clients do.

import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Clock } from '../../platform/clock.js'
import { badRequest, internalError, tooManyRequests } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import type { ApiRequest, ApiResponse } from './exchange.js'

export interface TunnelTarget {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** With query. */
  readonly path: string
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly ca?: Buffer
  readonly rejectUnauthorized?: boolean
  /** In the certificate, where it is not the host. */
  readonly servername?: string
}

const connectMs = 30_000
/** Without a byte in either direction. */
const idleMs = 4 * 60 * 60_000
const totalMs = 24 * 60 * 60_000
const tunnelsMax = 1_000
const errorBytesMax = 4_096
let tunnels = 0

/** What an upgrade is about; the rest of a request concerns us alone. */
const upgradeHeaders = [
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'x-stream-protocol-version',
]

/**
 * Resolves with the 101 once the other side has agreed. What it answers instead becomes the error that
 * `refusal` makes of it. Throws ApiError.
 */
export async function openTunnel(
  target: TunnelTarget,
  request: ApiRequest,
  clock: Clock,
  refusal: (status: number, text: string) => ApiError,
  moreHeaders: Readonly<Record<string, string | string[]>> = {},
): Promise<ApiResponse> {
  if ((request.headers.get('upgrade') ?? '') === '') throw badRequest('Upgrade request required')
  if (tunnels >= tunnelsMax) throw tooManyRequests('too many streams are open', 1)
  const headers: Record<string, string | string[]> = { ...moreHeaders, connection: 'Upgrade' }
  for (const name of upgradeHeaders) {
    const value = request.headers.get(name)
    if (value !== undefined) headers[name] = value
  }
  const { answer, socket, head } = await upgraded(target, request, headers, refusal)
  return {
    status: 101,
    headers: answerHeaders(answer),
    body: {
      kind: 'tunnel',
      open: (client, clientHead) => {
        if (head.length > 0) client.write(head)
        if (clientHead.length > 0) socket.write(clientHead)
        join(client, socket, clock)
      },
    },
  }
}

interface Upgraded {
  readonly answer: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

function upgraded(
  target: TunnelTarget,
  { method, signal }: ApiRequest,
  headers: Readonly<Record<string, string | string[]>>,
  refusal: (status: number, text: string) => ApiError,
): Promise<Upgraded> {
  const { secure, ...place } = target
  return new Promise((resolve, reject) => {
    const request = secure ? requestHttps : requestHttp
    const outgoing = request({ ...place, method, headers, agent: false, timeout: connectMs })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', error => {
      reject(internalError(`error dialing backend: ${error.message}`))
    })
    outgoing.on('upgrade', (answer: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.setTimeout(0)
      if (signal.abandoned) socket.destroy()
      resolve({ answer, socket, head })
    })
    outgoing.on('response', answer => {
      void textOf(answer).then(text => reject(refusal(answer.statusCode ?? 500, text)))
    })
    signal.onAbandon(() => outgoing.destroy())
    outgoing.end()
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > errorBytesMax) break
    }
  } catch {
    // The status alone tells enough.
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, errorBytesMax).trim()
}

function answerHeaders(answer: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    if (typeof value === 'string') headers[name] = value
  }
  return { ...headers, connection: 'Upgrade' }
}

/** Until one side has closed and the other has got what came before. */
function join(client: Socket, server: Socket, clock: Clock): void {
  tunnels += 1
  const end = (): void => {
    client.destroy()
    server.destroy()
  }
  const total = clock.setTimer(totalMs, end)
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    socket.on('error', end)
    socket.once('close', () => {
      // What was read of it may still be on its way.
      if (other.writable) other.end()
      clock.setTimer(closeMs, () => other.destroy())
    })
    socket.pipe(other)
  }
  client.setTimeout(idleMs, end)
  client.once('close', () => {
    total.cancel()
    tunnels -= 1
  })
  if (client.destroyed || server.destroyed) end()
}

const closeMs = 5_000
