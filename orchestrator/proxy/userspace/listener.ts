// One address and port of a service: listens, and forwards what comes in. Closing stops the
// listening; connections that stand live on until their ends. Counterpart: proxySocket of the
// userspace proxy.

import net from 'node:net'
import type { Clock } from '../../../platform/clock.js'
import { BackendChoice } from './backend-choice.js'
import { forward } from './connection.js'
import type { ProxyRule } from './rules.js'

export interface ProxyListenerOptions {
  readonly clock: Clock
  readonly connectTimeoutMs: number
  /** Asked for each connection; false refuses it. */
  readonly admit: (socket: net.Socket) => boolean
  readonly onRefused: (rule: ProxyRule, reason: string) => void
}

/** Why an address could not be bound. */
export type BindFailure = 'in-use' | 'not-ours' | 'denied'

export class ProxyListener {
  private readonly options: ProxyListenerOptions
  private readonly choice: BackendChoice
  private current: ProxyRule
  private server: net.Server | null = null
  private closed = false

  constructor(rule: ProxyRule, first: number, options: ProxyListenerOptions) {
    this.options = options
    this.current = rule
    this.choice = new BackendChoice(rule.backends, rule.affinityMs, first)
  }

  get rule(): ProxyRule {
    return this.current
  }

  get bound(): boolean {
    return this.server !== null
  }

  update(rule: ProxyRule): void {
    this.current = rule
    this.choice.update(rule.backends, rule.affinityMs)
  }

  /** Null when it listens. */
  bind(): Promise<BindFailure | null> {
    const { address, port } = this.current
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket =>
      this.accept(socket),
    )
    return new Promise(resolve => {
      server.once('error', error => resolve(bindFailure(error)))
      server.listen({ host: address, port, exclusive: true }, () => {
        // Out of descriptors: the connection is lost, the listener is not.
        server.on('error', () => {})
        if (this.closed) server.close()
        else this.server = server
        resolve(null)
      })
    })
  }

  close(): void {
    this.closed = true
    this.server?.close()
    this.server = null
  }

  private accept(socket: net.Socket): void {
    const { clock, connectTimeoutMs, admit, onRefused } = this.options
    if (!admit(socket)) {
      socket.resetAndDestroy()
      return
    }
    const client = socket.remoteAddress ?? ''
    void forward({
      client: socket,
      backends: this.choice.order(client, clock.monotonicMs()),
      connectTimeoutMs,
      onConnected: backend => this.choice.connected(client, backend, clock.monotonicMs()),
      onRefused: reason => onRefused(this.current, reason),
    })
  }
}

function bindFailure(error: Error): BindFailure {
  const code = 'code' in error ? error.code : ''
  if (code === 'EADDRINUSE') return 'in-use'
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'not-ours'
}
