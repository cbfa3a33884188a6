// Asks nodes at the health port of a Service with externalTrafficPolicy Local whether they have endpoints of it.
// A node counts until it has said no: at the beginning a connection that fails goes to the next node anyway.

import http from 'node:http'
import type { Clock, Timer } from '../../../../platform/clock.js'
import type { Node } from '../../../api/types/core-node.js'
import { addressOf } from './balancer-rules.js'

const everyMs = 2_000
const answerMs = 1_000

export class HealthChecks {
  readonly port: number
  private readonly clock: Clock
  private nodes: readonly Node[] = []
  private readonly unwell = new Set<string>()
  private timer: Timer | null = null
  private changed: () => void = () => {}

  constructor({ clock, port }: { readonly clock: Clock; readonly port: number }) {
    this.clock = clock
    this.port = port
  }

  isWell(node: Node): boolean {
    return !this.unwell.has(addressOf(node))
  }

  /** Resolves once all have been asked; `onChange` whenever one has changed its mind later. */
  async watch(nodes: readonly Node[], onChange: () => void): Promise<void> {
    this.nodes = nodes
    this.changed = onChange
    await this.askAll()
    this.timer ??= this.clock.setTicker(everyMs, () => {
      void this.askAll().then(changed => {
        if (changed && this.timer !== null) this.changed()
      })
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }

  /** Whether any has changed its mind. */
  private async askAll(): Promise<boolean> {
    const answers = await Promise.all(
      this.nodes.map(async node => ({ address: addressOf(node), well: await this.ask(node) })),
    )
    let changed = false
    for (const { address, well } of answers) {
      changed ||= this.unwell.has(address) === well
      if (well) this.unwell.delete(address)
      else this.unwell.add(address)
    }
    return changed
  }

  private ask(node: Node): Promise<boolean> {
    const { port } = this
    return new Promise(resolve => {
      const request = http.get(
        { host: addressOf(node), port, path: '/healthz', timeout: answerMs, agent: false },
        answer => {
          answer.resume()
          resolve(answer.statusCode === 200)
        },
      )
      request.once('timeout', () => request.destroy(new Error('no answer')))
      request.once('error', () => resolve(false))
    })
  }
}
