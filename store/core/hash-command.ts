// Comparing members: now and then the leader puts a mark into the log, every member notes the digest
// of its own state as it is there and reports it through the log, and a majority of the voters says
// what is right. Who is wrong gets the alarm CORRUPT, and is out of service until it has brought its
// state back from the others (store/server/state-repair.ts) and agreed at a later mark. Counterpart: the
// corruption check of etcd's server, which asks peers for a hash of everything they hold and knows
// nothing better than to stop the whole cluster.
//
// The digest is over all that was ever applied and over all that is stored, so it finds members that
// made something else of the log and members whose disk came back different. It costs nothing to take.

import { unreachable } from '../../platform/errors.js'
import {
  type PackedValue,
  packArray,
  unpackArray,
  type UnpackRules,
} from '../../platform/msgpack.js'
import type { Alarms } from './alarm-command.js'
import type { AppliedState, EntryContext } from './applied-state.js'
import { BackendError } from './backend.js'
import { count, list, malformed, text, tuple, unknownCommand } from './command-fields.js'
import { contentDigest } from './content.js'
import { StoreError } from './errors.js'
import type { SystemRecords } from './system-records.js'
import type { ResponseHeader } from './types.js'

export type HashChange =
  /** `voters`: whose majority decides, as the leader knew them. */
  | { readonly kind: 'mark'; readonly voters: readonly number[] }
  /**
   * What `member` noted at the mark with this index in the log. Empty: it has found by itself that its
   * state is damaged.
   */
  | {
      readonly kind: 'report'
      readonly mark: number
      readonly member: number
      readonly digest: string
    }

export interface HashCommand {
  readonly kind: 'hash'
  readonly change: HashChange
}

export interface HashResult {
  readonly ok: true
  readonly kind: 'hash'
  readonly response: { readonly header: ResponseHeader }
}

export interface HashReport {
  readonly mark: number
  readonly digest: string
}

const code = { mark: 12, report: 13 } as const
const recordName = 'cluster/hash'
/** Before every digest. Programs that compute it in another way have another, and are not compared. */
const scheme = '1'
const digestBytesMax = 128
const votersMax = 1_000
const reportsMax = 1_000
const rules: UnpackRules = {
  itemsMax: 8_000,
  depthMax: 3,
  textBytesMax: digestBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new BackendError('backend-corrupt', `${recordName} cannot be read: ${detail}`),
}

export function stateDigest(state: AppliedState): string {
  return scheme + state.kv.hash.digest() + contentDigest(state)
}

/** The present mark and what was reported of it; made anew with the state. */
export class HashMarks {
  readonly #records: SystemRecords
  /** Index of the mark in the log; 0: there was none yet. */
  #mark = 0
  #voters: readonly number[] = []
  readonly #reports = new Map<number, string>()
  /** What this member found at the present mark; null when it was not there in this life. */
  #noted: string | null = null
  /** Commands applied since the mark, other than those of this file. */
  #since = 0

  /** Throws BackendError for a record that is none of ours. */
  constructor(records: SystemRecords) {
    this.#records = records
    const value = records.get(recordName)
    if (value === undefined) return
    try {
      const [mark, voters, reports] = tuple(unpackArray(value, rules), 3)
      this.#mark = count(mark)
      this.#voters = list(voters, votersMax).map(count)
      for (const report of list(reports, reportsMax)) {
        const [member, digest] = tuple(report, 2)
        this.#reports.set(count(member), text(digest))
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      throw new BackendError('backend-corrupt', `${recordName} cannot be read`, error)
    }
  }

  get mark(): number {
    return this.#mark
  }

  /** Commands whose effect no mark has covered yet. */
  get unmarked(): number {
    return this.#since
  }

  /** What this member has to report and has not. */
  due(member: number): HashReport | null {
    if (this.#noted === null || this.#reports.has(member)) return null
    return { mark: this.#mark, digest: this.#noted }
  }

  /** A majority has found something else than this member at the mark. */
  get outvoted(): boolean {
    const right = this.#right()
    return this.#noted !== null && right !== null && isOther(this.#noted, right)
  }

  noteCommand(): void {
    this.#since++
  }

  begin(mark: number, voters: readonly number[], digest: string): void {
    this.#mark = mark
    this.#voters = voters
    this.#reports.clear()
    this.#noted = digest
    this.#since = 0
    this.#store()
  }

  report({ mark, digest }: HashReport, member: number, alarms: Alarms): void {
    if (digest === '') {
      this.#confess(member, alarms)
      return
    }
    // Of a mark before: it comes too late.
    if (mark !== this.#mark || this.#reports.has(member)) return
    if (this.#reports.size >= reportsMax) throw new StoreError('malformed', 'too many reports')
    this.#reports.set(member, digest)
    this.#store()
    this.#judge(alarms)
  }

  /** It gives its state up once the alarm is on, so the alarm waits until enough others are sound. */
  #confess(member: number, alarms: Alarms): void {
    const sound = this.#voters.filter(voter => voter !== member && !alarms.contained.has(voter))
    if (sound.length * 2 <= this.#voters.length) throw new StoreError('unhealthy-cluster')
    alarms.activate({ kind: 'corrupt', member }, true)
  }

  #judge(alarms: Alarms): void {
    const right = this.#right()
    if (right !== null) {
      for (const [member, digest] of this.#reports) {
        if (isOther(digest, right)) alarms.activate({ kind: 'corrupt', member }, true)
        else if (digest === right) alarms.endContained(member)
      }
    } else if (this.#voters.every(voter => this.#reports.has(voter))) {
      // Nobody can say who is wrong, and it may be the leader: what etcd does.
      const [first = '', ...others] = this.#voters.map(voter => this.#reports.get(voter) ?? '')
      if (others.some(other => isOther(other, first)))
        alarms.activate({ kind: 'corrupt', member: 0 })
    }
  }

  /** What more than half of the voters found; null while that is not known. */
  #right(): string | null {
    const votes = new Map<string, number>()
    for (const voter of this.#voters) {
      const digest = this.#reports.get(voter)
      if (digest === undefined) continue
      const found = (votes.get(digest) ?? 0) + 1
      if (found * 2 > this.#voters.length) return digest
      votes.set(digest, found)
    }
    return null
  }

  #store(): void {
    const value = packArray([this.#mark, this.#voters, [...this.#reports]])
    this.#records.set(recordName, value)
  }
}

/** Both say the same thing in the same terms, and it is not the same. */
function isOther(digest: string, right: string): boolean {
  return digest !== right && digest.slice(0, scheme.length) === right.slice(0, scheme.length)
}

export function encodeHashCommand({ change }: HashCommand): PackedValue[] {
  switch (change.kind) {
    case 'mark':
      return [code.mark, change.voters]
    case 'report':
      return [code.report, change.mark, change.member, change.digest]
    default:
      return unreachable(change)
  }
}

export function decodeHashCommand(fields: unknown[]): HashCommand {
  switch (fields[0]) {
    case code.mark: {
      const voters = list(tuple(fields, 2)[1], votersMax).map(count)
      return { kind: 'hash', change: { kind: 'mark', voters } }
    }
    case code.report: {
      const [, mark, member, digest] = tuple(fields, 4)
      const found = text(digest)
      if (found.length > digestBytesMax) malformed('a digest is too long')
      const report = { mark: count(mark), member: count(member), digest: found }
      return { kind: 'hash', change: { kind: 'report', ...report } }
    }
    default:
      return unknownCommand(fields[0])
  }
}

export function applyHashCommand(
  state: AppliedState,
  { change }: HashCommand,
  { index, header }: EntryContext,
): HashResult {
  const { hashMarks, alarms, kv } = state
  if (change.kind === 'mark') hashMarks.begin(index, change.voters, stateDigest(state))
  else hashMarks.report(change, change.member, alarms)
  return { ok: true, kind: 'hash', response: { header: header(kv.revision) } }
}
