// One proxied connection: finds a backend that answers, then passes bytes both ways until both
// sides have ended. A side that ends its half keeps receiving; a side that breaks takes the other
// with it.

import net from 'node:net'
import type { Backend } from '../service-ports.js'

/** Backends that are tried for one connection. */
const triesMax = 5
/** A peer whose machine is gone is noticed by this. */
const keepAliveMs = 60_000
/**
 * A side that ended its half may have gone for good without our being able to tell; so such a
 * connection may not stay silent for ever.
 */
const halfOpenIdleMs = 300_000

export interface ForwardOptions {
  readonly client: net.Socket
  /** In the order in which they are tried. */
  readonly backends: readonly Backend[]
  readonly connectTimeoutMs: number
  readonly onConnected: (backend: Backend) => void
  /** No backend took it; the client has been reset. */
  readonly onRefused: (reason: string) => void
}

function connectTo(backend: Backend, timeoutMs: number): Promise<net.Socket | Error> {
  return new Promise(resolve => {
    const socket = net.connect({
      host: backend.address,
      port: backend.port,
      allowHalfOpen: true,
      noDelay: true,
      timeout: timeoutMs,
    })
    const failed = (error: Error): void => {
      socket.destroy()
      resolve(error)
    }
    socket.once('error', failed)
    socket.once('timeout', () => failed(new Error('no answer in time')))
    socket.once('connect', () => {
      socket.removeListener('error', failed)
      socket.removeAllListeners('timeout')
      socket.setTimeout(0)
      resolve(socket)
    })
  })
}

export async function forward(options: ForwardOptions): Promise<void> {
  const { client, backends, connectTimeoutMs } = options
  client.on('error', () => {})
  let reason = 'no backend'
  for (const backend of backends.slice(0, triesMax)) {
    const upstream = await connectTo(backend, connectTimeoutMs)
    if (upstream instanceof Error) {
      reason = `${backend.address}:${backend.port}: ${upstream.message}`
      continue
    }
    if (client.destroyed) {
      upstream.destroy()
      return
    }
    options.onConnected(backend)
    client.setKeepAlive(true, keepAliveMs)
    upstream.setKeepAlive(true, keepAliveMs)
    splice(client, upstream)
    splice(upstream, client)
    return
  }
  client.resetAndDestroy()
  options.onRefused(reason)
}

/** `pipe` ends the other side when this one ended its half, and waits while that one is slow. */
function splice(from: net.Socket, to: net.Socket): void {
  from.on('error', () => {})
  from.once('close', hadError => {
    if (hadError) to.destroy()
    else to.end()
  })
  from.once('end', () => to.setTimeout(halfOpenIdleMs, () => to.destroy()))
  from.pipe(to)
}
