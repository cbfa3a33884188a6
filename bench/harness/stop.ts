// A wish to end that many may ask about, and be told of once.

import type { Stop } from './load.js'

export class StopSwitch implements Stop {
  readonly #callbacks = new Set<() => void>()
  #stopped = false

  get stopped(): boolean {
    return this.#stopped
  }

  onStop(callback: () => void): () => void {
    if (this.#stopped) {
      callback()
      return () => {}
    }
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    for (const callback of this.#callbacks) callback()
    this.#callbacks.clear()
  }
}
