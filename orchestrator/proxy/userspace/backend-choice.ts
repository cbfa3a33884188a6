// Which backend a new connection goes to: round robin, or the one the client had before.
// Counterpart: pkg/proxy/userspace's LoadBalancerRR. Pure; bounded in what it remembers.

import type { Backend } from '../service-ports.js'

const clientsMax = 10_000

interface Held {
  readonly key: string
  readonly untilMs: number
}

const keyOf = ({ address, port }: Backend): string => `${address}:${port}`

export class BackendChoice {
  private backends: readonly Backend[]
  private affinityMs: number | null
  private next: number
  /** By client address, in the order of their last use. */
  private readonly held = new Map<string, Held>()

  /** `first` is any whole number: where the round begins. */
  constructor(backends: readonly Backend[], affinityMs: number | null, first: number) {
    this.backends = backends
    this.affinityMs = affinityMs
    this.next = first
  }

  update(backends: readonly Backend[], affinityMs: number | null): void {
    this.backends = backends
    this.affinityMs = affinityMs
    if (affinityMs === null) this.held.clear()
  }

  /** All backends in the order in which they are to be tried for this client. */
  order(client: string, nowMs: number): readonly Backend[] {
    const { backends } = this
    if (backends.length === 0) return []
    const start = this.startFor(client, nowMs)
    return [...backends.slice(start), ...backends.slice(0, start)]
  }

  private startFor(client: string, nowMs: number): number {
    if (this.affinityMs !== null) {
      const known = this.held.get(client)
      const at = this.backends.findIndex(backend => keyOf(backend) === known?.key)
      if (known !== undefined && known.untilMs > nowMs && at !== -1) return at
    }
    const start = this.next % this.backends.length
    this.next = start + 1
    return start
  }

  /** The client is connected to `backend`, and stays with it for the time of its affinity. */
  connected(client: string, backend: Backend, nowMs: number): void {
    if (this.affinityMs === null) return
    this.held.delete(client)
    this.held.set(client, { key: keyOf(backend), untilMs: nowMs + this.affinityMs })
    for (const oldest of this.held.keys()) {
      if (this.held.size <= clientsMax) break
      this.held.delete(oldest)
    }
  }
}
