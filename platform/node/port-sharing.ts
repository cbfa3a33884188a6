// Who speaks HTTP/2 on a port of HTTP/1.1: under TLS the client says so in its handshake (ALPN);
// without, its first bytes do, for no method of HTTP/1.1 begins like the preface of HTTP/2.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** The preface goes on, but this much of it is nobody else's. */
const preface = Buffer.from('PRI * HTTP/2')

/** Connections of HTTP/2 go to `accept`, all others where they went before. */
export function takeHttp2(server: Server, secure: boolean, accept: (socket: Socket) => void): void {
  const event = secure ? 'secureConnection' : 'connection'
  const take = (socket: Socket) => {
    // A server of HTTP/1.1 goes on answering clients that have said all they want; HTTP/2 has no such
    // state, and its session would never learn that the client has gone.
    socket.allowHalfOpen = false
    accept(socket)
  }
  const others = server.listeners(event)
  server.removeAllListeners(event)
  const pass = (socket: Socket) => {
    for (const other of others) Reflect.apply(other, server, [socket])
  }
  server.on(event, (socket: Socket) => {
    if (socket.destroyed) return
    if (secure) {
      if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') take(socket)
      else pass(socket)
    } else lookAtFirstBytes(socket, take, pass)
  })
}

function lookAtFirstBytes(
  socket: Socket,
  accept: (socket: Socket) => void,
  pass: (socket: Socket) => void,
): void {
  let seen: Buffer | null = null
  const onData = (chunk: Buffer) => {
    seen = seen === null ? chunk : Buffer.concat([seen, chunk])
    const length = Math.min(seen.length, preface.length)
    const matches = seen.compare(preface, 0, length, 0, length) === 0
    if (matches && length < preface.length) return
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.pause()
    socket.unshift(seen)
    if (matches) accept(socket)
    else {
      pass(socket)
      socket.resume()
    }
  }
  const onEnd = () => socket.destroy()
  socket.on('data', onData)
  socket.on('end', onEnd)
}
