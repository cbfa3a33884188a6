// One piece of work that is done again whenever something has changed: never twice at a time, once more
// for whatever came meanwhile, and again after a pause where it failed.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'

export interface RepeatedWork {
  /** There may be something to do. */
  readonly look: () => void
  readonly stop: () => void
}

const retryMs = 1_000

/** `failure`: what the log says where `work` rejects. */
export function repeatedWork(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  failure: string,
  work: () => Promise<void>,
): RepeatedWork {
  let state: 'idle' | 'busy' | 'again' | 'stopped' = 'idle'
  let retry: Timer | null = null
  const look = () => {
    if (state === 'stopped') return
    if (state !== 'idle') {
      state = 'again'
      return
    }
    state = 'busy'
    retry?.cancel()
    work()
      .then(() => {
        const again = state === 'again'
        if (state !== 'stopped') state = 'idle'
        if (again) look()
      })
      .catch((error: unknown) => {
        if (state === 'stopped') return
        logger.warn({ error: String(error) }, failure)
        state = 'idle'
        retry = clock.setTimer(retryMs, look)
      })
  }
  return {
    look,
    stop() {
      state = 'stopped'
      retry?.cancel()
    },
  }
}
