// The last decisions, by pod: bounded in number, each of them bounded in itself.

import type { Explanation } from './core/explanation.js'

const explanationsMax = 1000

export class Explanations {
  /** By "namespace/name", the oldest first. */
  private readonly byPod = new Map<string, Explanation>()

  of(key: string): Explanation | null {
    return this.byPod.get(key) ?? null
  }

  set(key: string, explanation: Explanation): void {
    this.byPod.delete(key)
    this.byPod.set(key, explanation)
    if (this.byPod.size <= explanationsMax) return
    const oldest = this.byPod.keys().next().value
    if (oldest !== undefined) this.byPod.delete(oldest)
  }

  forget(key: string): void {
    this.byPod.delete(key)
  }
}
