// Writes that our own informers have not shown yet. A reconciler that counts objects in its copy
// must not count again before the copy has caught up, or it creates the same pod twice.
// Counterpart: controller.UIDTrackingControllerExpectations. An expectation that is never met
// (a write whose answer was lost) expires, and the next round counts afresh.

import type { Clock } from '../../platform/clock.js'

interface Expectation {
  creations: number
  readonly deletions: Set<string>
  setAtMs: number
}

const expiryMs = 5 * 60_000

export class Expectations {
  private readonly clock: Clock
  private readonly byOwner = new Map<string, Expectation>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Before the writes: `deletions` are keys of the objects about to be deleted. */
  expect(owner: string, creations: number, deletions: readonly string[]): void {
    if (creations === 0 && deletions.length === 0) return
    this.byOwner.set(owner, {
      creations,
      deletions: new Set(deletions),
      setAtMs: this.clock.monotonicMs(),
    })
  }

  /** A creation was seen, or failed for certain. */
  creationObserved(owner: string): void {
    const expectation = this.byOwner.get(owner)
    if (expectation && expectation.creations > 0) expectation.creations--
  }

  /** A deletion (or its mark) was seen, or failed for certain. */
  deletionObserved(owner: string, key: string): void {
    this.byOwner.get(owner)?.deletions.delete(key)
  }

  forget(owner: string): void {
    this.byOwner.delete(owner)
  }

  /** True when the copy shows every write of ours, or waiting for it has gone on too long. */
  satisfied(owner: string): boolean {
    const expectation = this.byOwner.get(owner)
    if (!expectation) return true
    const met = expectation.creations === 0 && expectation.deletions.size === 0
    return met || this.clock.monotonicMs() - expectation.setAtMs > expiryMs
  }

  /** How long until an unmet expectation expires; the owner must be looked at again then. */
  get expiryMs(): number {
    return expiryMs
  }
}
