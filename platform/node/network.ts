// Links as WebSockets on an HTTP or HTTPS port, through ws. This file is the outgoing half and the
// link itself; network-listener.ts is the incoming half. With TLS both sides show certificates.

import { WebSocket } from 'ws'
import type { RawData } from 'ws'
import type { Logger } from '../logger.js'
import type { ConnectOptions, Link, LinkHandlers, Network, TlsFiles } from '../network.js'
import { listenOn } from './network-listener.js'
import { commonName, frameOf, linkOver } from './network-link.js'
import { TlsIdentity } from './tls-identity.js'

export function nodeNetwork(logger: Logger): Network {
  const identities = new Map<string, TlsIdentity>()
  return {
    listen(options, handlers, ready) {
      listenOn(options, handlers, logger, ready)
    },
    connect(options, handlers) {
      return connect(options, handlers, tls => renewed(identities, tls, logger))
    },
  }
}

type Renewed = (tls: TlsFiles) => TlsIdentity

/** A renewed certificate is used from the next link on. A program has few identities. */
function renewed(identities: Map<string, TlsIdentity>, tls: TlsFiles, logger: Logger): TlsIdentity {
  const name = [tls.certFile, tls.keyFile, tls.caFile].join('\0')
  const known = identities.get(name)
  known?.renew()
  const identity = known ?? new TlsIdentity(tls, logger)
  identities.set(name, identity)
  return identity
}

function connect(options: ConnectOptions, handlers: LinkHandlers, identityOf: Renewed): Link {
  const scheme = options.tls === null ? 'ws' : 'wss'
  let socket: WebSocket
  try {
    socket = new WebSocket(`${scheme}://${options.address}${options.path}`, {
      perMessageDeflate: false,
      maxPayload: options.frameBytesMax,
      handshakeTimeout: options.handshakeMsMax,
      followRedirects: false,
      // Masks guard browsers' proxies against forged requests; between our own processes they
      // would only cost a pass over every byte.
      generateMask: mask => mask.fill(0),
      ...(options.tls === null ? {} : identityOf(options.tls).material),
      rejectUnauthorized: true,
    })
  } catch (error) {
    return neverOpened(options.address, handlers, sentence(error))
  }
  let peerName: string | null = null
  const state = linkOver(socket, options.address, () => peerName, handlers)
  socket.on('upgrade', response => {
    peerName = commonName(response.socket)
  })
  socket.on('open', () => state.opened())
  socket.on('message', (data: RawData, isBinary) => state.received(frameOf(data), isBinary))
  return state.link
}

function neverOpened(remote: string, handlers: LinkHandlers, reason: string): Link {
  const link: Link = {
    remote,
    peerName: null,
    bufferedBytes: 0,
    open: false,
    send() {},
    close() {},
  }
  setImmediate(() => handlers.onClose(link, reason))
  return link
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
