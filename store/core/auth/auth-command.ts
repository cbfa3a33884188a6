// The one command that changes authentication. Counterpart: the Auth requests of etcd's applier.

import type { AppliedState, EntryContext } from '../applied-state.js'
import type { AuthChange } from './auth-change.js'
import type { AuthResponse } from '../types.js'

export interface AuthCommand {
  readonly kind: 'auth'
  readonly change: AuthChange
}

export interface AuthResult {
  readonly ok: true
  readonly kind: 'auth'
  readonly response: AuthResponse
}

/** Throws StoreError, and has then changed nothing. */
export function applyAuthCommand(
  { kv, auth }: AppliedState,
  { change }: AuthCommand,
  { header }: EntryContext,
): AuthResult {
  auth.apply(change)
  const response = { header: header(kv.revision), ...auth.status, names: [], permissions: [] }
  return { ok: true, kind: 'auth', response }
}
