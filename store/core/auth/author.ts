// On whose behalf a command is done. It stands in the log with the command, so that every member
// decides alike whether it may be. Counterpart: user name and auth revision in etcd's RequestHeader.

import type { PackedValue } from '../../../platform/msgpack.js'
import { count, text, tuple } from '../command-fields.js'
import type { Revision } from '../types.js'

/** A user whom a member has recognised, at this auth revision. */
export interface Identity {
  readonly user: string
  readonly authRevision: Revision
}

/** A user; the member that proposes, of its own accord; or nobody. */
export type Author = Identity | 'member' | undefined

/** Code of the command that carries another one and its author. */
export const authorCode = 16

export function encodeAuthored(by: Identity | 'member', command: PackedValue[]): PackedValue[] {
  return by === 'member'
    ? [authorCode, null, 0, command]
    : [authorCode, by.user, by.authRevision, command]
}

/** The author and the fields of what it does. Throws StoreError `malformed`. */
export function decodeAuthored(fields: unknown[]): [Identity | 'member', unknown] {
  const [, user, authRevision, command] = tuple(fields, 4)
  if (user === null) return ['member', command]
  return [{ user: text(user), authRevision: count(authRevision) }, command]
}
