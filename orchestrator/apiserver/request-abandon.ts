// Whether the client of a request has gone, and who wants to know.

import type { AbandonSignal } from './exchange.js'

export class RequestAbandon implements AbandonSignal {
  #fired = false
  #callbacks: (() => void)[] = []

  get abandoned(): boolean {
    return this.#fired
  }

  /** Called at once when it has happened already. */
  onAbandon(callback: () => void): void {
    if (this.#fired) callback()
    else this.#callbacks.push(callback)
  }

  fire(): void {
    if (this.#fired) return
    this.#fired = true
    const callbacks = this.#callbacks
    this.#callbacks = []
    for (const callback of callbacks) callback()
  }
}
