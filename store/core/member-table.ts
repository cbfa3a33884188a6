// What is known of the members beside who they are and who votes, which is in the Raft membership:
// names, addresses for peers and clients, what a new one is to replace, and which ids were given. A
// typed view over system records. Counterpart: the members bucket of etcd's membership store.

import { packArray, unpackArray, type UnpackRules } from '../../platform/msgpack.js'
import { must } from '../../platform/errors.js'
import { decodeConfChange } from '../../raft/core/conf-change.js'
import { count, list, text, tuple } from './command-fields.js'
import { StoreError } from './errors.js'
import { memberAddressesMax, memberTextBytesMax } from './limits.js'
import type { SystemRecords } from './system-records.js'
import type { Bytes } from './types.js'

export interface MemberRecord {
  readonly id: number
  /** Empty while it was added without one and has never started. */
  readonly name: string
  /** Peers use the first. */
  readonly peerAddresses: readonly string[]
  /** Empty until it has started once. */
  readonly clientAddresses: readonly string[]
  /** Id of the member in whose place it comes once it keeps up; 0 for none. */
  readonly replaces: number
}

const family = 'member/'
const recordsOf = `${family}id/`
const lastIdName = `${family}last`
const formatVersion = 1
const rules: UnpackRules = {
  itemsMax: 1_000,
  depthMax: 3,
  textBytesMax: memberTextBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new StoreError('malformed', detail),
}

export class MemberTable {
  readonly #records: SystemRecords
  /** By id; decoded when asked for, and again after a change. */
  #members: ReadonlyMap<number, MemberRecord> | null = null

  constructor(records: SystemRecords) {
    this.#records = records
  }

  /** In the order of ids. May hold members that are not or no longer in the membership. */
  get all(): readonly MemberRecord[] {
    return [...this.#table.values()]
  }

  get(id: number): MemberRecord | undefined {
    return this.#table.get(id)
  }

  /** The highest id that was ever given or seen; 0 while nobody has said anything. */
  get lastId(): number {
    const value = this.#records.get(lastIdName)
    return value === undefined ? 0 : count(unpackArray(value, rules)[0])
  }

  set(member: MemberRecord): void {
    this.#records.set(`${recordsOf}${member.id}`, encode(member))
    this.#members = null
    this.raiseLastId(member.id)
  }

  /** False when there was none. The id stays used. */
  delete(id: number): boolean {
    this.#members = null
    this.raiseLastId(id)
    return this.#records.delete(`${recordsOf}${id}`)
  }

  raiseLastId(id: number): void {
    if (id > this.lastId) this.#records.set(lastIdName, packArray([id]))
  }

  /**
   * A change of the Raft membership has come into force: who was removed is forgotten, whoever came is
   * known, and no id that stood in a change is ever given again.
   */
  noteConfChange(data: Bytes): void {
    for (const { kind, node, member } of decodeConfChange(data) ?? []) {
      const known = this.get(node)
      if (kind === 'remove') {
        this.delete(node)
        for (const other of this.all)
          if (other.replaces === node) this.set({ ...other, replaces: 0 })
      } else if (known === undefined && member !== undefined) {
        const { name, address } = member
        const told = { name, peerAddresses: [address], clientAddresses: [], replaces: 0 }
        this.set({ id: node, ...told })
      } else this.raiseLastId(node)
    }
  }

  get #table(): ReadonlyMap<number, MemberRecord> {
    if (this.#members === null) {
      const members = this.#records.entries(recordsOf).map(({ value }) => decode(value))
      members.sort((a, b) => a.id - b.id)
      this.#members = new Map(members.map(member => [member.id, member]))
    }
    return must(this.#members, 'decoded')
  }
}

function encode({ id, name, peerAddresses, clientAddresses, replaces }: MemberRecord): Bytes {
  return packArray([formatVersion, id, name, peerAddresses, clientAddresses, replaces])
}

function decode(value: Bytes): MemberRecord {
  const [, id, name, peers, clients, replaces] = tuple(unpackArray(value, rules), 6)
  return {
    id: count(id),
    name: text(name),
    peerAddresses: list(peers, memberAddressesMax).map(text),
    clientAddresses: list(clients, memberAddressesMax).map(text),
    replaces: count(replaces),
  }
}
