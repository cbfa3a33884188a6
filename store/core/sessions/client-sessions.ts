// The sessions of clients and the answers that are kept for them: what the state machine must remember so
// that a write that comes again is not done again. In memory they change with every write; to a backend, in a
// snapshot and to the quota's neighbours they are system records, one a session, made when one is written.
// Counterpart: the session table of Ongaro's thesis (6.3), which leaves open what bounds it.
//
// What bounds it depends on the log alone: numbers of a session lie within a window above its floor, what is
// below has been seen by the client; sessions that were used longest ago (by index in the log) are forgotten
// when there are too many of them, or when all of them hold too much.
//
// An opening may have a nonce, by which its user is given the same session when it comes again: an answer that
// is lost, and asked for until it comes, would else open sessions until those of others are forgotten.

import { assert } from '../../../platform/errors.js'
import {
  type PackedValue,
  packArray,
  unpackArray,
  type UnpackRules,
} from '../../../platform/msgpack.js'
import { BackendError } from '../backend.js'
import { bytes, count, list, malformed, text, tuple } from '../command-fields.js'
import { StoreError } from '../errors.js'
import { RunningHash } from '../hash.js'
import type { OnceAnswer } from './once-answer.js'
import {
  commandTextBytesMax,
  nonceBytes,
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
/** About what a nonce and its place in the index take. */
const nonceOverheadBytes = 96

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
  /** Of its opening, a character a byte; null: it came without, or the cluster knows of none any more. */
  nonce: string | null
  /** Of the entry that used it last. */
  usedIndex: number
  /** The client has seen the answers of all numbers below. */
  floor: number
  readonly answers: Map<number, KeptAnswer>
  /** Of the user's name, the nonce and the answers. At most sessionBytesMax, and what short answers take. */
  bytes: number
}

export class ClientSessions {
  readonly limits: SessionLimits
  readonly #hash: RunningHash
  /** In the order of last use, those of one entry in any. */
  readonly #sessions = new Map<number, ClientSession>()
  /** Those whose openings had a nonce, by it and their users. */
  readonly #opened = new Map<string, ClientSession>()
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
    for (const { id, user, nonce, usedIndex, floor } of this.#sessions.values()) {
      const hash = new RunningHash().number(id).number(usedIndex).number(floor)
      hash.bytes(Buffer.from(user ?? ''))
      // Without one the sum is that of programs which know of none.
      if (nonce !== null) hash.bytes(bytesOfNonce(nonce))
      sum = (sum + hash.word()) | 0
    }
    return sum >>> 0
  }

  /** Answers the id of the new session, or of the one that the same user opened under this nonce before. */
  open(user: string | null, index: number, given?: Bytes): number {
    const nonce = given === undefined ? null : nonceOf(given)
    const known = nonce === null ? undefined : this.#opened.get(openingOf(user, nonce))
    if (known !== undefined) {
      this.#hash.number(known.id).number(index)
      this.#touch(known, index)
      return known.id
    }
    while (this.#sessions.size >= this.limits.sessionsMax) this.#forgetOldest(null)
    const id = this.#lastId + 1
    this.#lastId = id
    this.#changed.add(0).add(id)
    this.#hash.number(id).number(index)
    if (given !== undefined) this.#hash.bytes(given)
    const answers = new Map<number, KeptAnswer>()
    const bytes = openingBytes(user, nonce)
    this.#add({ id, user, nonce, usedIndex: index, floor: 1, answers, bytes })
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
    this.#hash.number(id).number(number).number(floor)
    this.#touch(session, index)
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

  /** For programs that know of none. The sessions stay. */
  forgetNonces(): void {
    for (const session of this.#opened.values()) {
      session.nonce = null
      this.#count(session, -nonceOverheadBytes, 0)
      this.#changed.add(session.id)
    }
    this.#opened.clear()
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
    const { user, nonce } = session
    if (nonce !== null) {
      const opening = openingOf(user, nonce)
      assert(!this.#opened.has(opening), 'an opening has one session')
      this.#opened.set(opening, session)
    }
    this.#bytes += sessionOverheadBytes + session.bytes
    for (const { word } of session.answers.values()) this.#sum = (this.#sum + word) | 0
  }

  #touch(session: ClientSession, index: number): void {
    const { id } = session
    this.#changed.add(id)
    if (session.usedIndex === index) return
    session.usedIndex = index
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
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
    const { user, nonce } = session
    this.#sessions.delete(session.id)
    if (nonce !== null) this.#opened.delete(openingOf(user, nonce))
    this.#changed.add(session.id)
    this.#bytes -= sessionOverheadBytes + session.bytes
    for (const { word } of session.answers.values()) this.#sum = (this.#sum - word) | 0
  }
}

function openingBytes(user: string | null, nonce: string | null): number {
  return (user === null ? 0 : Buffer.byteLength(user)) + (nonce === null ? 0 : nonceOverheadBytes)
}

/** All nonces are of one length, so that no two openings are written alike. */
function openingOf(user: string | null, nonce: string): string {
  return user === null ? nonce : `${nonce}/${user}`
}

/** A character a byte takes less than an array. */
function nonceOf(nonce: Bytes): string {
  assert(nonce.length === nonceBytes, 'a nonce that was checked')
  return Buffer.from(nonce).toString('latin1')
}

function bytesOfNonce(nonce: string): Bytes {
  return Buffer.from(nonce, 'latin1')
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

/** Four fields as they always were, and a nonce where there is one. */
function encodeSession(session: ClientSession): SystemRecord {
  const { id, user, nonce, usedIndex, floor, answers } = session
  const fields: PackedValue[] = []
  for (const [number, { revision, raftTerm, body }] of answers) {
    fields.push(number, revision, raftTerm, body)
  }
  const head = [user, usedIndex, floor, fields]
  const value = packArray(nonce === null ? head : [...head, bytesOfNonce(nonce)])
  assert(value.length <= systemRecordBytesMax, 'a session fits into a record')
  return { name: nameOf(id), value }
}

function decodeSession({ name, value }: SystemRecord): ClientSession {
  try {
    const unpacked = unpackArray(value, rules)
    const [user, usedIndex, floor, fields, given] = tuple(unpacked, unpacked.length === 5 ? 5 : 4)
    const id = count(Number(name.slice(clientFamily.length)))
    const answers = new Map<number, KeptAnswer>()
    const items = list(fields, 4 * sessionLimits.numbersMax)
    const owner = user === null ? null : text(user)
    const nonce = given === undefined ? null : checkedNonce(bytes(given))
    let taken = openingBytes(owner, nonce)
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
      nonce,
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

function checkedNonce(nonce: Bytes): string {
  if (nonce.length !== nonceBytes) malformed('a nonce of another length')
  return nonceOf(nonce)
}
