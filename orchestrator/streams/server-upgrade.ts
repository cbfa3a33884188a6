// From an HTTP/1.1 upgrade to a remote command or a port-forward, whichever of their protocols the
// client offers. Counterpart: httpstream's and wsstream's upgrade handlers. The node's server uses it;
// an API server only passes bytes on.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type WebSocket from 'ws'
import type { Clock } from '../../platform/clock.js'
import type { ChannelProtocol } from './channel-messages.js'
import {
  portForwardChannelProtocols,
  portForwardProtocol,
  spdyPortForward,
  tunnelProtocol,
  webSocketPortForward,
} from './port-forward.js'
import type { PortForwardTarget } from './port-forward.js'
import {
  commandChannelProtocols,
  spdyCommand,
  spdyCommandProtocol,
  webSocketCommand,
} from './remote-command.js'
import type { CommandOptions, CommandSession } from './remote-command.js'
import type { StreamLimits } from './stream-watch.js'

export interface UpgradeShell {
  readonly clock: Clock
  readonly limits: StreamLimits
}

export interface UpgradeRequest {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What arrived behind the request's head. */
  readonly head: Buffer
}

/** Nothing was upgraded: the answer to give instead. */
export interface UpgradeRefusal {
  readonly status: number
  readonly text: string
}

const messageBytesMax = 16 * 1024 * 1024

const webSockets = new WebSocketServer({
  noServer: true,
  maxPayload: messageBytesMax,
  perMessageDeflate: false,
  clientTracking: false,
})

type Offer =
  | { readonly kind: 'spdy'; readonly protocols: readonly string[] }
  | { readonly kind: 'websocket'; readonly protocols: readonly string[] }

function offerOf(request: IncomingMessage): Offer | UpgradeRefusal {
  const upgrade = (request.headers.upgrade ?? '').toLowerCase()
  const names = (header: string | readonly string[] | undefined): readonly string[] =>
    (typeof header === 'string' ? header : (header ?? []).join(','))
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== '')
  if (upgrade === 'spdy/3.1') {
    return { kind: 'spdy', protocols: names(request.headers['x-stream-protocol-version']) }
  }
  if (upgrade === 'websocket') {
    return { kind: 'websocket', protocols: names(request.headers['sec-websocket-protocol']) }
  }
  return { status: 400, text: `unable to upgrade: ${upgrade} is neither SPDY/3.1 nor websocket` }
}

function notNegotiated(offered: readonly string[], ours: readonly string[]): UpgradeRefusal {
  const lists = `client supports [${offered.join(' ')}], server accepts [${ours.join(' ')}]`
  return { status: 403, text: `unable to upgrade: unable to negotiate protocol: ${lists}` }
}

function acceptSpdy({ socket, head }: UpgradeRequest, protocol: string): Duplex {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) socket.unshift(head)
  return socket
}

function acceptWebSocket(upgrade: UpgradeRequest, protocol: string): Promise<WebSocket> {
  const { request, socket, head } = upgrade
  return new Promise((resolve, reject) => {
    // The library takes the first that it is offered; which one it shall be was found before.
    request.headers['sec-websocket-protocol'] = protocol
    socket.once('close', () => reject(new Error('the client left during the handshake')))
    webSockets.handleUpgrade(request, socket, head, resolve)
  })
}

const isRefusal = (value: object): value is UpgradeRefusal => 'status' in value

/** Rejects when the client leaves before its streams stand. */
export async function upgradeToCommand(
  upgrade: UpgradeRequest,
  options: CommandOptions,
  { clock, limits }: UpgradeShell,
): Promise<CommandSession | UpgradeRefusal> {
  const offer = offerOf(upgrade.request)
  if (isRefusal(offer)) return offer
  if (offer.kind === 'spdy') {
    if (!offer.protocols.includes(spdyCommandProtocol)) {
      return notNegotiated(offer.protocols, [spdyCommandProtocol])
    }
    return spdyCommand(acceptSpdy(upgrade, spdyCommandProtocol), options, clock, limits)
  }
  const protocol = channelProtocol(offer.protocols, commandChannelProtocols)
  if (protocol === null) return notNegotiated(offer.protocols, commandChannelProtocols)
  const socket = await acceptWebSocket(upgrade, protocol)
  return webSocketCommand(socket, protocol, options, clock, limits)
}

function channelProtocol(
  offered: readonly string[],
  ours: readonly ChannelProtocol[],
): ChannelProtocol | null {
  return ours.find(protocol => offered.includes(protocol)) ?? null
}

/** Resolves with null when the client has left. `ports` are those of the query. */
export async function upgradeToPortForward(
  upgrade: UpgradeRequest,
  ports: readonly number[],
  target: PortForwardTarget,
  { clock, limits }: UpgradeShell,
): Promise<UpgradeRefusal | null> {
  const offer = offerOf(upgrade.request)
  if (isRefusal(offer)) return offer
  if (offer.kind === 'spdy') {
    if (!offer.protocols.includes(portForwardProtocol)) {
      return notNegotiated(offer.protocols, [portForwardProtocol])
    }
    await spdyPortForward(acceptSpdy(upgrade, portForwardProtocol), target, clock, limits)
    return null
  }
  if (offer.protocols.includes(tunnelProtocol)) {
    const socket = await acceptWebSocket(upgrade, tunnelProtocol)
    await spdyPortForward(createWebSocketStream(socket), target, clock, limits)
    return null
  }
  const protocol = channelProtocol(offer.protocols, portForwardChannelProtocols)
  if (protocol === null) {
    return notNegotiated(offer.protocols, [tunnelProtocol, ...portForwardChannelProtocols])
  }
  if (ports.length === 0) return { status: 400, text: 'query parameter "ports" is required' }
  const socket = await acceptWebSocket(upgrade, protocol)
  await webSocketPortForward(socket, protocol, ports, target, clock, limits)
  return null
}
