// The name of a write: which session it belongs to, and its number there. It stands in the log with the
// command, so that a write that comes again is known on every member, and is answered and not done again.
// Counterpart: the client sessions of Ongaro's thesis (6.3) and of LogCabin; etcd has none.

import type { PackedValue } from '../../../platform/msgpack.js'
import { count, malformed, tuple } from '../command-fields.js'
import type { Once } from '../types.js'

/** Code of the command that carries another one and its name. It stands inside of that of the author. */
export const onceCode = 14

/** What may be asked for once. Everything else is repeated by operators, who can look first. */
const kinds: ReadonlySet<string> = new Set([
  'put',
  'deleteRange',
  'txn',
  'compact',
  'leaseGrant',
  'leaseRevoke',
])

export function encodeOnce(
  { session, number, floor }: Once,
  command: PackedValue[],
): PackedValue[] {
  return [onceCode, session, number, floor, command]
}

/** The name and the fields of what it names. Throws StoreError `malformed`. */
export function decodeOnce(fields: unknown[]): [Once, unknown] {
  const [, session, number, floor, command] = tuple(fields, 5)
  return [{ session: count(session), number: count(number), floor: count(floor) }, command]
}

/** Throws StoreError `malformed`. */
export function checkOnce(kind: string, { number, floor }: Once): void {
  if (!kinds.has(kind)) malformed('it cannot be asked for once')
  if (number < 1 || floor > number) malformed('a number stands at its floor or above')
}
