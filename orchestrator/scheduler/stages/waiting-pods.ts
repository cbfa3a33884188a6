// Pods that have a node and wait for permission to go there, each with its time limit.
// Counterpart: waitingPodsMap of pkg/scheduler/framework/runtime.

import type { Clock, Timer } from '../../../platform/clock.js'
import type { PluginName } from '../core/plugin.js'
import { type PlacedPod, StageFailure } from './stage.js'

interface Waiting {
  readonly placed: PlacedPod
  /** Plugins whose permission is still missing, each with its limit. */
  readonly timers: Map<PluginName, Timer>
  readonly settle: (failure: StageFailure | null) => void
}

export class WaitingPods {
  private readonly clock: Clock
  private readonly waiting = new Map<string, Waiting>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.waiting.size
  }

  /** Resolves once all have allowed it. Throws a StageFailure when one rejects it, or its time is over. */
  wait(placed: PlacedPod, limitsMs: ReadonlyMap<PluginName, number>): Promise<void> {
    const { uid } = placed.info
    return new Promise((resolve, reject) => {
      const timers = new Map<PluginName, Timer>()
      const settle = (failure: StageFailure | null) => {
        for (const timer of timers.values()) timer.cancel()
        this.waiting.delete(uid)
        if (failure) reject(failure)
        else resolve()
      }
      this.waiting.set(uid, { placed, timers, settle })
      for (const [plugin, limitMs] of limitsMs) {
        const text = `rejected due to timeout after waiting ${limitMs / 1000}s at plugin ${plugin}`
        timers.set(
          plugin,
          this.clock.setTimer(limitMs, () => this.reject(uid, plugin, text)),
        )
      }
    })
  }

  list(): readonly PlacedPod[] {
    return [...this.waiting.values()].map(({ placed }) => placed)
  }

  allow(uid: string, plugin: PluginName): void {
    const known = this.waiting.get(uid)
    known?.timers.get(plugin)?.cancel()
    known?.timers.delete(plugin)
    if (known?.timers.size === 0) known.settle(null)
  }

  /** False when the pod does not wait. */
  reject(uid: string, plugin: PluginName, message: string): boolean {
    const known = this.waiting.get(uid)
    known?.settle(new StageFailure(plugin, message))
    return known !== undefined
  }

  stop(): void {
    for (const uid of this.waiting.keys()) this.reject(uid, 'DefaultBinder', 'stopped')
  }
}
