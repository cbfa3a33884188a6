// Who speaks HTTP/2 on a port of HTTP/1.1: under TLS the client says so in its handshake (ALPN);
// without, its first bytes do, for no method of HTTP/1.1 begins like the preface of HTTP/2. Of plain
// connections the first frames are looked at as well (http2-greeting.ts).

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

import { Http2Greeting } from './http2-greeting.js'

/** The preface goes on, but this much of it is nobody else's. */
const preface = Buffer.from('PRI * HTTP/2')
/** For the first call of a client that has said everything else: many connect long before they call. */
const firstCallMs = 1000

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
    if (matches) greet(socket, seen, accept)
    else {
      socket.pause()
      socket.unshift(seen)
      pass(socket)
      socket.resume()
    }
  }
  const onEnd = () => socket.destroy()
  socket.on('data', onData)
  socket.on('end', onEnd)
}

/** Passes the connection on when its first frames have been looked at, and perhaps mended. */
function greet(socket: Socket, seen: Buffer, accept: (socket: Socket) => void): void {
  const greeting = new Http2Greeting()
  let giveUp: NodeJS.Timeout | null = null
  const end = () => {
    if (giveUp !== null) clearTimeout(giveUp)
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', end)
  }
  const passOn = (bytes: Buffer) => {
    end()
    if (socket.destroyed) return
    socket.pause()
    socket.unshift(bytes)
    accept(socket)
  }
  const onData = (chunk: Buffer) => {
    const step = greeting.push(chunk)
    if (step.kind === 'over') passOn(step.bytes)
    else if (step.kind === 'refused') socket.destroy()
    else {
      if (step.send !== null) socket.write(step.send)
      if (greeting.settled) giveUp ??= setTimeout(() => passOn(greeting.bytes()), firstCallMs)
    }
  }
  const onEnd = () => socket.destroy()
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', end)
  onData(seen)
}
