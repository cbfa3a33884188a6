// The ports of DNS, UDP and TCP on one address. An address that another process has is asked for again until it is
// free, so that of several nodes on one machine one answers, and another when that one is gone.

import dgram from 'node:dgram'
import net from 'node:net'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { messageBytesMax } from './message.js'
import type { Resolver } from './resolver.js'

export interface DnsServerOptions {
  readonly resolver: Resolver
  readonly host: string
  /** 0 for any, the same for UDP and TCP. */
  readonly port: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const retryMs = 500
const connectionsMax = 256
const idleMs = 10_000
/** Questions of one connection that are answered at once; more are read when these are. */
const questionsAtOnceMax = 16

export class DnsServer {
  readonly #options: DnsServerOptions
  #udp: dgram.Socket | null = null
  #tcp: net.Server | null = null
  readonly #connections = new Set<net.Socket>()
  #retry: Timer | null = null
  #stopped = false
  #failed = false
  #bound: ((port: number) => void) | null = null

  constructor(options: DnsServerOptions) {
    this.#options = options
  }

  /** Resolves with the port when both are bound, however long that takes. */
  start(): Promise<number> {
    void this.#bind()
    return new Promise(resolve => {
      this.#bound = resolve
    })
  }

  stop(): void {
    this.#stopped = true
    this.#retry?.cancel()
    this.#close()
  }

  #close(): void {
    this.#udp?.close()
    this.#udp = null
    this.#tcp?.close()
    this.#tcp = null
    for (const socket of this.#connections) socket.destroy()
  }

  async #bind(): Promise<void> {
    const { host, port, clock, random, logger } = this.#options
    try {
      const tcp = await this.#listen(port)
      this.#tcp = tcp
      const { port: bound } = tcp.address() as net.AddressInfo
      this.#udp = await this.#open(bound)
      if (this.#stopped) return this.#close()
      logger.info({ host, port: bound }, 'DNS answers')
      this.#bound?.(bound)
    } catch (error) {
      this.#close()
      if (this.#stopped) return
      if (!this.#failed) logger.warn({ host, port, error: String(error) }, 'DNS address not bound')
      this.#failed = true
      this.#retry = clock.setTimer(retryMs * (0.75 + random.next() / 2), () => void this.#bind())
    }
  }

  #listen(port: number): Promise<net.Server> {
    const { host } = this.#options
    const server = net.createServer({ noDelay: true }, socket => this.#accept(socket))
    server.maxConnections = connectionsMax
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => {
        // Out of descriptors: the connection is lost, the listener is not.
        server.on('error', () => {})
        resolve(server)
      })
    })
  }

  #open(port: number): Promise<dgram.Socket> {
    const { host, resolver } = this.#options
    const socket = dgram.createSocket({ type: net.isIPv6(host) ? 'udp6' : 'udp4' })
    socket.on('message', (bytes, from) => {
      void resolver.answer(bytes, 'udp').then(answer => {
        // A client that is gone says so by an error, which is nobody's business.
        if (answer !== null && this.#udp === socket)
          socket.send(answer, from.port, from.address, () => {})
      })
    })
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.removeListener('error', reject)
        socket.on('error', () => {})
        resolve(socket)
      })
    })
  }

  #accept(socket: net.Socket): void {
    const { resolver } = this.#options
    this.#connections.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#connections.delete(socket))
    socket.setTimeout(idleMs, () => socket.destroy())
    let unread: Buffer = Buffer.alloc(0)
    let answering = 0
    const take = (): void => {
      while (answering < questionsAtOnceMax && unread.length >= 2) {
        const length = unread.readUInt16BE(0)
        if (unread.length < length + 2) break
        const bytes = unread.subarray(2, length + 2)
        unread = unread.subarray(length + 2)
        answering += 1
        void resolver.answer(bytes, 'tcp').then(answer => {
          answering -= 1
          if (answer !== null && !socket.destroyed) {
            const size = Buffer.alloc(2)
            size.writeUInt16BE(answer.length)
            socket.write(Buffer.concat([size, answer]))
          }
          take()
        })
      }
      if (unread.length > messageBytesMax + 2) socket.pause()
      else socket.resume()
    }
    socket.on('data', chunk => {
      unread = Buffer.concat([unread, chunk])
      take()
    })
  }
}
