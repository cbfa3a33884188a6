// Which tokens nobody uses any more: first withdrawn, by a label that API servers heed and that can be taken off again,
// and deleted a year after that. Only those that an account names, as the ones that clusters once made by themselves:
// who made one by hand may have any reason to. Pure. Counterpart: the LegacySATokenCleaner.

import { dayOfMs, invalidSinceLabel, lastUsedLabel, msOfDay } from '../../api/legacy-token.js'
import type { Secret, ServiceAccount } from '../../api/types/core-config.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import { accountNameOf, isAccountOf } from './reconcile.js'

const dayMs = 24 * 3_600_000
const unusedMs = 365 * dayMs

export interface UnusedInputs {
  readonly secret: Secret
  readonly account: ServiceAccount | undefined
  /** By any pod of its namespace. */
  readonly isMounted: boolean
  /** The day since which uses are noted; null where they are not. */
  readonly trackedSinceMs: number | null
  readonly nowMs: number
}

export type UnusedPlan =
  | { readonly kind: 'keep' }
  | { readonly kind: 'withdraw'; readonly day: string }
  | { readonly kind: 'delete' }

export function planUnused(inputs: UnusedInputs): UnusedPlan {
  const { secret, account, isMounted, trackedSinceMs, nowMs } = inputs
  const keep = { kind: 'keep' } as const
  const { labels = {}, creationTimestamp, name = '' } = secret.metadata
  const longAgoMs = nowMs - unusedMs
  // Noting began at some time of that day.
  if (trackedSinceMs === null || trackedSinceMs + dayMs > longAgoMs) return keep
  if (accountNameOf(secret) === '' || isDeleting(secret) || isMounted) return keep
  if ((parseTimeMs(creationTimestamp) ?? nowMs) >= longAgoMs) return keep
  const used = labels[lastUsedLabel]
  if (used !== undefined && !isBefore(used, longAgoMs)) return keep
  const named = account?.secrets?.some(reference => reference.name === name) ?? false
  if (!named || !isAccountOf(secret, account)) return keep
  const since = labels[invalidSinceLabel]
  if (msOfDay(since) === null) return { kind: 'withdraw', day: dayOfMs(nowMs) }
  return isBefore(since ?? '', longAgoMs) ? { kind: 'delete' } : keep
}

/** Whether a day was over and another one begun by then; not for what is no day. */
function isBefore(day: string, ms: number): boolean {
  const beganMs = msOfDay(day)
  return beganMs !== null && beganMs + dayMs <= ms
}
