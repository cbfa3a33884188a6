// The one command on what is known of members: an id is taken for a new one, a member says how it is called
// and where clients reach it, addresses are changed, and what came to nothing is forgotten. Who is a
// member is decided elsewhere, by changes of the Raft membership. Counterpart: ClusterMemberAttrSet
// and ClusterMemberAdd of etcd's applier.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { count, list, malformed, text, tuple, unknownCommand } from './command-fields.js'
import { StoreError } from './errors.js'
import { memberAddressesMax, memberTextBytesMax } from './limits.js'
import type { MemberRecord, MemberTable } from './member-table.js'
import type { ResponseHeader } from './types.js'

export type MemberChange =
  /** Takes the next id that was never given, at least `idMin`, for a member that is about to be added. */
  | {
      readonly kind: 'reserve'
      readonly idMin: number
      readonly name: string
      readonly peerAddresses: readonly string[]
      readonly replaces: number
    }
  /** What a member says of itself when it starts. Its peer addresses count only where none are known. */
  | {
      readonly kind: 'publish'
      readonly id: number
      readonly name: string
      readonly peerAddresses: readonly string[]
      readonly clientAddresses: readonly string[]
    }
  | {
      readonly kind: 'amend'
      readonly id: number
      /** Empty: as it is. */
      readonly name: string
      readonly peerAddresses: readonly string[]
    }
  /** The change that was to bring it was refused, or never came. */
  | { readonly kind: 'forget'; readonly id: number }

export interface MemberCommand {
  readonly kind: 'member'
  readonly change: MemberChange
}

export interface MemberResult {
  readonly ok: true
  readonly kind: 'member'
  /** `id` is that of the member it is about. */
  readonly response: { readonly header: ResponseHeader; readonly id: number }
}

const code = { reserve: 32, publish: 33, amend: 34, forget: 35 } as const

export function encodeMemberChange(change: MemberChange): PackedValue[] {
  switch (change.kind) {
    case 'reserve': {
      const { idMin, name, peerAddresses, replaces } = change
      return [code.reserve, idMin, name, peerAddresses, replaces]
    }
    case 'publish': {
      const { id, name, peerAddresses, clientAddresses } = change
      return [code.publish, id, name, peerAddresses, clientAddresses]
    }
    case 'amend':
      return [code.amend, change.id, change.name, change.peerAddresses]
    case 'forget':
      return [code.forget, change.id]
    default:
      return unreachable(change)
  }
}

export function decodeMemberChange(fields: unknown[]): MemberChange {
  switch (fields[0]) {
    case code.reserve: {
      const [, idMin, name, peers, replaces] = tuple(fields, 5)
      const told = { name: text(name), peerAddresses: texts(peers) }
      return { kind: 'reserve', idMin: count(idMin), ...told, replaces: count(replaces) }
    }
    case code.publish: {
      const [, id, name, peers, clients] = tuple(fields, 5)
      const told = { name: text(name), peerAddresses: texts(peers) }
      return { kind: 'publish', id: count(id), ...told, clientAddresses: texts(clients) }
    }
    case code.amend: {
      const [, id, name, peers] = tuple(fields, 4)
      return { kind: 'amend', id: count(id), name: text(name), peerAddresses: texts(peers) }
    }
    case code.forget: {
      const [, id] = tuple(fields, 2)
      return { kind: 'forget', id: count(id) }
    }
    default:
      return unknownCommand(fields[0])
  }
}

/** Throws StoreError. */
export function checkMemberChange(change: MemberChange): void {
  switch (change.kind) {
    case 'reserve':
      if (change.idMin < 1) malformed('ids of members begin with 1')
      checkTexts(change.name, change.peerAddresses)
      return
    case 'publish':
      if (change.id < 1) malformed('ids of members begin with 1')
      checkTexts(change.name, change.peerAddresses)
      checkTexts(change.name, change.clientAddresses)
      return
    case 'amend':
      checkTexts(change.name, change.peerAddresses)
      return
    case 'forget':
      return
    default:
      unreachable(change)
  }
}

/** Throws StoreError, and has then changed nothing. */
export function applyMemberCommand(
  { members, kv }: AppliedState,
  { change }: MemberCommand,
  { header }: EntryContext,
): MemberResult {
  const id = applyChange(members, change)
  return { ok: true, kind: 'member', response: { header: header(kv.revision), id } }
}

function applyChange(members: MemberTable, change: MemberChange): number {
  switch (change.kind) {
    case 'reserve': {
      const { name, peerAddresses, replaces } = change
      const id = Math.max(members.lastId + 1, change.idMin)
      if (!Number.isSafeInteger(id)) throw new StoreError('malformed', 'ids have run out')
      const member = { id, name, peerAddresses, clientAddresses: [], replaces }
      checkUnique(members.all, member)
      members.set(member)
      return id
    }
    case 'publish': {
      const { id, name, peerAddresses, clientAddresses } = change
      const before = members.get(id) ?? { id, peerAddresses, replaces: 0 }
      members.set({ ...before, name, clientAddresses })
      return id
    }
    case 'amend': {
      const { id, peerAddresses } = change
      const before = members.get(id)
      if (before === undefined) throw new StoreError('member-not-found')
      const name = change.name === '' ? before.name : change.name
      const member = { ...before, name, peerAddresses }
      checkUnique(members.all, member)
      members.set(member)
      return id
    }
    case 'forget':
      members.delete(change.id)
      return change.id
    default:
      return unreachable(change)
  }
}

/**
 * Throws StoreError when another member has one of its peer addresses, or its name: another than the one
 * in whose place it comes, for a machine may lose its disk and keep its address.
 */
function checkUnique(members: readonly MemberRecord[], wanted: MemberRecord): void {
  for (const { id, name, peerAddresses } of members) {
    if (id === wanted.id || id === wanted.replaces) continue
    if (peerAddresses.some(address => wanted.peerAddresses.includes(address))) {
      throw new StoreError('peer-addresses-exist')
    }
    if (name !== '' && name === wanted.name) throw new StoreError('member-name-exists', name)
  }
}

function texts(value: unknown): string[] {
  return list(value, memberAddressesMax).map(text)
}

function checkTexts(name: string, addresses: readonly string[]): void {
  if (addresses.length > memberAddressesMax) malformed('too many addresses')
  for (const one of [name, ...addresses]) {
    if (Buffer.byteLength(one) > memberTextBytesMax) malformed('a name or an address is too long')
  }
}
