// What every controller is given for one term of leadership, and the loop that all of them share:
// keys in a queue, a few workers, failures counted, logged and retried.
// Counterpart: the ControllerContext of kube-controller-manager.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { ApiError, isConflict } from '../client/api-error.js'
import { EventRecorder } from '../client/event-recorder.js'
import type { ApiClient } from '../client/rest-client.js'
import type { SharedInformers } from '../client/shared-informers.js'
import { TransportError } from '../client/transport.js'
import { runWorkers, WorkQueue } from '../client/work-queue.js'
import type { ControllerMetrics } from './controller-metrics.js'

export interface ControllerContext {
  /** Over when the term is over. */
  readonly client: ApiClient
  readonly informers: SharedInformers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: ControllerMetrics
  /** A broken invariant: the process must end. */
  readonly onFatal: (error: unknown) => void
}

/** A controller that runs; `stop` takes effect before it returns. */
export interface Controller {
  stop(): void
}

export interface Reconciler {
  readonly name: string
  readonly concurrency: number
  readonly reconcile: (key: string) => Promise<void>
}

/** The queue of a reconciler; its workers run once `start` is called. */
export function reconcilerQueue(
  context: ControllerContext,
  reconciler: Reconciler,
): { readonly queue: WorkQueue; readonly start: () => void } {
  const { clock, metrics } = context
  const { name } = reconciler
  const logger = context.logger.child({ controller: name })
  const queue = new WorkQueue({ clock, observer: metrics.queue(name) })
  const work = async (key: string) => {
    const startedMs = clock.monotonicMs()
    try {
      await reconciler.reconcile(key)
      metrics.reconciled(name, 'ok')
    } catch (error) {
      metrics.reconciled(name, 'error')
      throw error
    } finally {
      metrics.worked(name, clock.monotonicMs() - startedMs)
    }
  }
  const onError = (key: string, error: unknown) => {
    if (error instanceof InvariantViolation) {
      context.onFatal(error)
      return
    }
    const expected = isConflict(error) || error instanceof TransportError
    const fields = { key, error: String(error), failures: queue.failuresOf(key) }
    if (expected) logger.debug(fields, 'reconcile will be repeated')
    else logger.warn(fields, 'reconcile failed')
  }
  return { queue, start: () => runWorkers(queue, reconciler.concurrency, { work, onError }) }
}

/** A controller whose workers begin once every informer knows its objects. */
export function runningController(
  context: ControllerContext,
  parts: {
    readonly queue: WorkQueue
    readonly start: () => void
    /** Take the handlers off the informers. */
    readonly unsubscribe: readonly (() => void)[]
  },
): Controller {
  void context.informers.whenSynced().then(parts.start)
  return {
    stop() {
      for (const off of parts.unsubscribe) off()
      parts.queue.stop()
    },
  }
}

export function recorderOf(context: ControllerContext, component: string): EventRecorder {
  const { client, clock, random, logger } = context
  return new EventRecorder({ client, clock, random, logger, component })
}

/** The server's own sentence, for events and conditions. */
export function errorText(error: unknown): string {
  return error instanceof ApiError || error instanceof Error ? error.message : String(error)
}
