// What a member's refusal of a named write means for it: whether the same is sent again, under which name, or
// what its caller is told. A refusal speaks of the attempt that it answers; an earlier one may have been done.

import type { WireError } from '../protocol.js'
import { isMemberTrouble } from './call.js'

export type WriteVerdict =
  /** Under the name it has. */
  | { readonly kind: 'again' }
  /** Under another number: this one certainly did nothing. */
  | { readonly kind: 'rename' }
  /** And the session is lost. */
  | { readonly kind: 'reopen' }
  | { readonly kind: 'reject'; readonly error: WireError }

/** No longer known to the members, whatever the write. */
const sessionGone: ReadonlySet<string> = new Set([
  'session-not-found',
  'session-denied',
  'version-too-low',
])

/** With which only the state machine refuses, after it has looked whether the number is known. */
const decided: ReadonlySet<string> = new Set([
  'key-not-found',
  'lease-not-found',
  'lease-exists',
  'too-many-leases',
  'compacted',
  'future-revision',
  'no-space',
  'corrupt',
])

/** `maybe`: an earlier attempt may have been done. */
export function judgeWrite(error: WireError, maybe: boolean): WriteVerdict {
  const { code, outcome, retryable } = error
  if (sessionGone.has(code)) return maybe ? unknown(error) : { kind: 'reopen' }
  if (code === 'once-answer-long' && outcome === 'not-applied') return { kind: 'rename' }
  if (outcome === 'unknown') {
    const again = isMemberTrouble(code) || code === 'leader-lost'
    return again ? { kind: 'again' } : { kind: 'reject', error }
  }
  if (retryable && (maybe || isMemberTrouble(code) || code === 'once-ahead')) {
    return { kind: 'again' }
  }
  return maybe && !decided.has(code) ? unknown(error) : { kind: 'reject', error }
}

function unknown(error: WireError): WriteVerdict {
  return { kind: 'reject', error: { ...error, outcome: 'unknown' } }
}
