// The way of a pod to the node that was chosen for it: what is reserved is reserved at once, the rest goes on
// beside the placing of others. Counterpart: bindingCycle of pkg/scheduler/schedule_one.go.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Pod } from '../api/types/core-pod.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import { objectKey, pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import type { PluginName, Rejection } from './core/plugin.js'
import { type PlacedPod, type Stage, StageFailure } from './stages/stage.js'
import { WaitingPods } from './stages/waiting-pods.js'

/** How it ended; after all but `bound` nothing is reserved any more. */
export type BindingEnd =
  | { readonly kind: 'bound' }
  /** A stage has turned it away. */
  | { readonly kind: 'rejected'; readonly by: PluginName; readonly message: string }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** There is no such pod any more. */
  | { readonly kind: 'gone' }

export interface BindingCycleContext {
  readonly client: ApiClient
  readonly clock: Clock
  readonly logger: Logger
  readonly onFatal: (error: unknown) => void
  /** Called once for each pod that was begun. */
  readonly onEnd: (placed: PlacedPod, end: BindingEnd) => void
}

/** Binds under way at a time; pods that wait for their gang or their volumes hold nobody up. */
const bindsMax = 64

export class BindingCycle {
  readonly waiting: WaitingPods
  private readonly context: BindingCycleContext
  /** Those that wait for their turn with them. */
  private binds = 0
  private readonly turns: (() => void)[] = []
  private stopped = false

  constructor(context: BindingCycleContext) {
    this.context = context
    this.waiting = new WaitingPods(context.clock)
  }

  /** More may be begun. */
  get hasRoom(): boolean {
    return this.binds < bindsMax
  }

  /** The pod must have been assumed. `stages` are those of its profile. */
  begin(placed: PlacedPod, stages: readonly Stage[]): void {
    for (const { reserve } of stages) {
      const rejection = reserve?.(placed) ?? null
      if (rejection) {
        this.refuse(placed, stages, rejection)
        return
      }
    }
    const limitsMs = new Map<PluginName, number>()
    for (const { name, permit } of stages) {
      const permission = permit?.(placed) ?? { kind: 'allow' }
      if (permission.kind === 'reject') {
        this.refuse(placed, stages, permission.rejection)
        return
      }
      if (permission.kind === 'wait') limitsMs.set(name, permission.timeoutMs)
    }
    // Whatever comes out of it is told to `onEnd`; what is thrown beyond that is a bug.
    this.run(placed, stages, limitsMs).catch(this.context.onFatal)
  }

  stop(): void {
    this.stopped = true
    this.waiting.stop()
  }

  private refuse(placed: PlacedPod, stages: readonly Stage[], rejection: Rejection): void {
    unreserve(placed, stages)
    const message = rejection.reasons.join(', ')
    this.context.onEnd(placed, { kind: 'rejected', by: rejection.plugin, message })
  }

  private async run(
    placed: PlacedPod,
    stages: readonly Stage[],
    limitsMs: ReadonlyMap<PluginName, number>,
  ): Promise<void> {
    let end: BindingEnd
    let counted = false
    try {
      if (limitsMs.size > 0) await this.waiting.wait(placed, limitsMs)
      for (const { preBind } of stages) await preBind?.(placed)
      counted = true
      await this.enter()
      await this.bind(placed, stages)
      end = { kind: 'bound' }
    } catch (error) {
      if (error instanceof InvariantViolation) throw error
      end = await this.failed(placed, error)
    } finally {
      if (counted) this.leave()
    }
    if (this.stopped) return
    if (end.kind === 'bound') for (const { postBind } of stages) postBind?.(placed)
    else unreserve(placed, stages)
    this.context.onEnd(placed, end)
  }

  /** Waits for its turn, as when a whole gang is let go at once. */
  private enter(): Promise<void> {
    this.binds++
    if (this.binds <= bindsMax) return Promise.resolve()
    return new Promise(resolve => this.turns.push(resolve))
  }

  private leave(): void {
    this.binds--
    this.turns.shift()?.()
  }

  private async bind(placed: PlacedPod, stages: readonly Stage[]): Promise<void> {
    const own = stages.find(({ bind }) => bind !== undefined)
    if (own?.bind) await own.bind(placed)
    else await this.context.client.bindPod(placed.pod, placed.nodeName)
  }

  private async failed({ pod }: PlacedPod, error: unknown): Promise<BindingEnd> {
    if (error instanceof StageFailure) {
      return { kind: 'rejected', by: error.rejectedBy, message: error.message }
    }
    this.context.logger.warn({ pod: objectKey(pod), error: String(error) }, 'bind failed')
    if (isNotFound(error)) return { kind: 'gone' }
    // It may have been written all the same: while that is open the room stays taken.
    const open = error instanceof RaftsmanError && error.outcome === 'unknown'
    if ((open || isConflict(error)) && (await this.isBound(pod))) return { kind: 'bound' }
    return { kind: 'failed', error }
  }

  private async isBound(pod: Pod): Promise<boolean> {
    const { namespace = '', name = '', uid } = pod.metadata
    try {
      const live = await this.context.client.get(pods, { namespace, name })
      return live.metadata.uid === uid && (live.spec.nodeName ?? '') !== ''
    } catch {
      return false
    }
  }
}

function unreserve(placed: PlacedPod, stages: readonly Stage[]): void {
  for (const stage of stages.toReversed()) stage.unreserve?.(placed)
}
