// The sessions of clients and the answers that are kept for them: what the state machine must remember so
// that a write that comes again is not done again. In memory they change with every write; to a backend, in a
// snapshot and to the quota's neighbours they are system records, one a session, made when one is written.
// Counterpart: the session table of Ongaro's thesis (6.3), which leaves open what bounds it.
//
// What bounds it depends on the log alone: numbers of a session lie within a window above its floor, what is
// below has been seen by the client; sessions that were used longest ago (by index in the log) are forgotten
// when there are too many of them, or when all of them hold too much.

import { assert } from '../../../platform/errors.js'
import {
  type PackedValue,
  packArray,
  unpackArray,
  type UnpackRules,
} from '../../../platform/msgpack.js'
import { BackendError } from '../backend.js'
import { bytes, count, list, text, tuple } from '../command-fields.js'
import { StoreError } from '../errors.js'
import { RunningHash } from '../hash.js'
import type { OnceAnswer } from './once-answer.js'
import {
  commandTextBytesMax,
  type SessionLimits,
  sessionLimits,
  systemRecordBytesMax,
} from '../limits.js'
import type { SystemRecord } from '../system-records.js'
import type { Bytes, Once } from '../types.js'

/** Family of their records. A state that is restored into another cluster leaves it behind. */
export const clientFamily = 'client/'
const lastName = `${clientFamily}last`
/** About what a session and an answer take beside their bytes. */
const sessionOverheadBytes = 128
const answerOverheadBytes = 32

const rules: UnpackRules = {
  itemsMax: 4 * sessionLimits.numbersMax + 8,
  depthMax: 3,
  textBytesMax: commandTextBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new BackendError('backend-corrupt', `a session cannot be read: ${detail}`),
}

interface KeptAnswer extends OnceAnswer {
  readonly word: number
}

export interface ClientSession {
  readonly id: number
  /** Who opened it; null: nobody who is known. */
  readonly user: string | null
  /** Of the entry that used it last. */
  usedIndex: number
  /** The client has seen the answers of all numbers below. */
  floor: number
  readonly answers: Map<number, KeptAnswer>
  /** Of the user's name and the answers. At most sessionBytesMax, and what short answers take. */
  bytes: number
}

export class ClientSessions {
  readonly limits: SessionLimits
  readonly #hash: RunningHash
  /** In the order of last use, those of one entry in any. */
  readonly #sessions = new Map<number, ClientSession>()
  /** Of all sessions there ever were, so that none has the id of another. */
  #lastId = 0
  #bytes = 0
  /** Of the checksums of answers. */
  #sum = 0
  /** Since the last flush; an id without a session was forgotten, 0 stands for the last id. */
  #changed = new Set<number>()

  /** Throws BackendError for a record that is none of ours. */
  constructor(records: Iterable<SystemRecord>, hash: RunningHash, limits = sessionLimits) {
    this.#hash = hash
    this.limits = limits
    const found: ClientSession[] = []
    for (const record of records) {
      if (record.name === lastName) this.#lastId = count(unpackArray(record.value, rules)[0])
      else found.push(decodeSession(record))
    }
    found.sort((a, b) => a.usedIndex - b.usedIndex)
    for (const session of found) this.#add(session)
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Of what they hold, about. 0 <= bytes <= bytesMax, or there is but one */
  get bytes(): number {
    return this.#bytes
  }

  /** 32 bits over all of them, 0 where there was never one. Costs a walk over the sessions. */
  get checksum(): number {
    if (this.#lastId === 0) return 0
    let sum = this.#sum + new RunningHash().number(this.#lastId).word()
    for (const { id, user, usedIndex, floor } of this.#sessions.values()) {
      const hash = new RunningHash().number(id).number(usedIndex).number(floor)
      sum = (sum + hash.bytes(Buffer.from(user ?? '')).word()) | 0
    }
    return sum >>> 0
  }

  /** Answers the id of the new session. */
  open(user: string | null, index: number): number {
    while (this.#sessions.size >= this.limits.sessionsMax) this.#forgetOldest(null)
    const id = this.#lastId + 1
    this.#lastId = id
    this.#changed.add(0).add(id)
    this.#hash.number(id).number(index)
    const answers = new Map<number, KeptAnswer>()
    this.#add({ id, user, usedIndex: index, floor: 1, answers, bytes: userBytes(user) })
    this.#makeRoom(id)
    return id
  }

  /**
   * The session of a write, for whose number an answer is kept or may be. Throws StoreError:
   * `session-not-found`, `session-denied`, `once-ahead` (nothing of it is done), `once-forgotten`.
   */
  use({ session: id, number, floor }: Once, user: string | null, index: number): ClientSession {
    const session = this.#sessions.get(id)
    if (session === undefined) throw new StoreError('session-not-found')
    if (session.user !== user) throw new StoreError('session-denied')
    this.#changed.add(id)
    this.#hash.number(id).number(number).number(floor)
    if (session.usedIndex !== index) {
      session.usedIndex = index
      this.#sessions.delete(id)
      this.#sessions.set(id, session)
    }
    this.#raiseFloor(session, floor)
    if (number < session.floor) throw new StoreError('once-forgotten')
    if (number >= session.floor + this.limits.numbersMax) throw new StoreError('once-ahead')
    return session
  }

  /** How long an answer may be to be kept whole. */
  roomOf({ bytes: taken }: ClientSession): number {
    const { sessionBytesMax, answerBytesMax } = this.limits
    return Math.min(answerBytesMax, sessionBytesMax - taken)
  }

  keep(session: ClientSession, number: number, { revision, raftTerm, body }: OnceAnswer): void {
    assert(!session.answers.has(number), 'a write is answered once')
    const word = checksumOf(session.id, number, revision, raftTerm, body)
    this.#hash.number(word)
    session.answers.set(number, { revision, raftTerm, body, word })
    this.#count(session, body.length + answerOverheadBytes, word)
    this.#makeRoom(session.id)
  }

  /** As if there had never been one; their ids stay taken. */
  clear(): void {
    for (const session of this.#sessions.values()) this.#forget(session)
  }

  get changedCount(): number {
    return this.#changed.size
  }

  /** What a flush has to write. `flushed` follows when it has been. */
  changes(): { readonly records: readonly SystemRecord[]; readonly deleted: readonly string[] } {
    const records: SystemRecord[] = []
    const deleted: string[] = []
    for (const id of this.#changed) {
      const session = this.#sessions.get(id)
      if (id === 0) records.push(this.#lastRecord())
      else if (session === undefined) deleted.push(nameOf(id))
      else records.push(encodeSession(session))
    }
    return { records, deleted }
  }

  flushed(): void {
    this.#changed = new Set()
  }

  /** All of them, for a snapshot. */
  records(): readonly SystemRecord[] {
    if (this.#lastId === 0) return []
    return [this.#lastRecord(), ...Array.from(this.#sessions.values(), encodeSession)]
  }

  #lastRecord(): SystemRecord {
    return { name: lastName, value: packArray([this.#lastId]) }
  }

  #add(session: ClientSession): void {
    this.#sessions.set(session.id, session)
    this.#bytes += sessionOverheadBytes + session.bytes
    for (const { word } of session.answers.values()) this.#sum = (this.#sum + word) | 0
  }

  #raiseFloor(session: ClientSession, floor: number): void {
    if (floor <= session.floor) return
    const { answers } = session
    const drop = (number: number): void => {
      const kept = answers.get(number)
      if (kept === undefined) return
      answers.delete(number)
      this.#count(session, -kept.body.length - answerOverheadBytes, -kept.word)
    }
    // Whichever is less: what has been seen, or what is kept.
    if (floor - session.floor <= answers.size) {
      for (let number = session.floor; number < floor; number++) drop(number)
    } else {
      for (const number of answers.keys()) if (number < floor) drop(number)
    }
    session.floor = floor
  }

  #count(session: ClientSession, length: number, word: number): void {
    session.bytes += length
    this.#bytes += length
    this.#sum = (this.#sum + word) | 0
  }

  #makeRoom(except: number): void {
    while (this.#bytes > this.limits.bytesMax && this.#sessions.size > 1) {
      this.#forgetOldest(except)
    }
  }

  /** Of those that one entry used last, the one with the lowest id: members that restarted know no more. */
  #forgetOldest(except: number | null): void {
    let oldest: ClientSession | null = null
    for (const session of this.#sessions.values()) {
      if (session.id === except) continue
      if (oldest !== null && session.usedIndex > oldest.usedIndex) break
      if (oldest === null || session.id < oldest.id) oldest = session
    }
    assert(oldest !== null, 'there is a session that can be forgotten')
    this.#hash.number(oldest.id)
    this.#forget(oldest)
  }

  #forget(session: ClientSession): void {
    this.#sessions.delete(session.id)
    this.#changed.add(session.id)
    this.#bytes -= sessionOverheadBytes + session.bytes
    for (const { word } of session.answers.values()) this.#sum = (this.#sum - word) | 0
  }
}

function userBytes(user: string | null): number {
  return user === null ? 0 : Buffer.byteLength(user)
}

function nameOf(id: number): string {
  return clientFamily + id
}

/** 32 bits. It enters the state hash: it never changes. */
function checksumOf(
  session: number,
  number: number,
  revision: number,
  raftTerm: number,
  body: Bytes,
): number {
  const hash = new RunningHash().number(session).number(number).number(revision).number(raftTerm)
  return hash.bytes(body).word()
}

function encodeSession({ id, user, usedIndex, floor, answers }: ClientSession): SystemRecord {
  const fields: PackedValue[] = []
  for (const [number, { revision, raftTerm, body }] of answers) {
    fields.push(number, revision, raftTerm, body)
  }
  const value = packArray([user, usedIndex, floor, fields])
  assert(value.length <= systemRecordBytesMax, 'a session fits into a record')
  return { name: nameOf(id), value }
}

function decodeSession({ name, value }: SystemRecord): ClientSession {
  try {
    const [user, usedIndex, floor, fields] = tuple(unpackArray(value, rules), 4)
    const id = count(Number(name.slice(clientFamily.length)))
    const answers = new Map<number, KeptAnswer>()
    const items = list(fields, 4 * sessionLimits.numbersMax)
    const owner = user === null ? null : text(user)
    let taken = userBytes(owner)
    for (let at = 0; at < items.length; at += 4) {
      const number = count(items[at])
      const [revision, raftTerm] = [count(items[at + 1]), count(items[at + 2])]
      const body = bytes(items[at + 3])
      const word = checksumOf(id, number, revision, raftTerm, body)
      answers.set(number, { revision, raftTerm, body, word })
      taken += body.length + answerOverheadBytes
    }
    return {
      id,
      user: owner,
      usedIndex: count(usedIndex),
      floor: count(floor),
      answers,
      bytes: taken,
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new BackendError('backend-corrupt', `the record ${name} holds no session`, error)
  }
}
