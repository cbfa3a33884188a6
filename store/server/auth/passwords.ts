// Passwords as salted scrypt hashes. One is computed at a time and off the event loop, so that logins
// delay neither heartbeats nor disk writes, which share the thread pool; what waits has a limit.
// Counterpart: bcrypt in etcd's auth store, which is computed in the way of everything else.

import { scrypt, timingSafeEqual } from 'node:crypto'
import { RaftsmanError } from '../../../platform/errors.js'
import type { Random } from '../../../platform/random.js'
import { StoreError } from '../../core/errors.js'
import { passwordHashBytesMax } from '../../core/limits.js'
import type { Bytes } from '../../core/types.js'

/** Of scrypt: 2^logN blocks of 128 r bytes, p times. */
export interface PasswordCost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

/** 32 MiB and about an eighth of a second of one processor: somewhat more than etcd's bcrypt takes. */
export const passwordCostDefault: PasswordCost = { logN: 15, r: 8, p: 1 }

/** What a hash may ask for, wherever it comes from. */
const costMax = { logN: 20, r: 16, p: 16, bytes: 256 * 1024 * 1024 } as const
const saltBytes = 16
const keyBytes = 32
const waitingMax = 64

/** The function behind it; a simulation brings one without threads. */
export type DeriveKey = (
  password: string,
  salt: Uint8Array,
  cost: PasswordCost,
  done: (error: Error | null, key: Uint8Array) => void,
) => void

export interface PasswordsOptions {
  readonly random: Random
  readonly cost: PasswordCost
  readonly derive?: DeriveKey | undefined
}

interface Job {
  readonly password: string
  readonly salt: Uint8Array
  readonly cost: PasswordCost
  /** Nobody waits any more: it is not worth computing. */
  readonly wanted: () => boolean
  readonly done: (error: RaftsmanError | null, key: Uint8Array) => void
}

/** A hash in its parts. Its text form is the PHC string format's. */
interface PasswordHash {
  readonly cost: PasswordCost
  readonly salt: Uint8Array
  readonly key: Uint8Array
}

export class Passwords {
  readonly #random: Random
  readonly #cost: PasswordCost
  readonly #derive: DeriveKey
  readonly #waiting: Job[] = []
  #busy = false

  constructor({ random, cost, derive }: PasswordsOptions) {
    this.#random = random
    this.#cost = cost
    this.#derive = derive ?? scryptKey
  }

  /** Answers later. Throws `too-many-requests`. */
  hash(
    password: string,
    wanted: () => boolean,
    done: (error: RaftsmanError | null, hash: Bytes) => void,
  ): void {
    const salt = this.#random.bytes(saltBytes)
    const cost = this.#cost
    this.#submit({
      password,
      salt,
      cost,
      wanted,
      done: (error, key) => done(error, encodeHash({ cost, salt, key })),
    })
  }

  /**
   * Answers later whether it is the password, after the same time for a hash that is not there: how
   * long a login takes tells nobody which users there are. Throws `too-many-requests`.
   */
  verify(
    password: string,
    hash: Bytes | null,
    wanted: () => boolean,
    done: (error: RaftsmanError | null, right: boolean) => void,
  ): void {
    const known = hash === null ? null : decodeHash(hash)
    this.#submit({
      password,
      salt: known?.salt ?? new Uint8Array(saltBytes),
      cost: known?.cost ?? this.#cost,
      wanted,
      done: (error, key) =>
        done(error, error === null && known !== null && timingSafeEqual(key, known.key)),
    })
  }

  #submit(job: Job): void {
    if (this.#waiting.length >= waitingMax) throw tooManyPasswords()
    this.#waiting.push(job)
    this.#next()
  }

  #next(): void {
    if (this.#busy) return
    let job = this.#waiting.shift()
    while (job !== undefined && !job.wanted()) job = this.#waiting.shift()
    if (job === undefined) return
    const { password, salt, cost, done } = job
    this.#busy = true
    this.#derive(password, salt, cost, (error, key) => {
      this.#busy = false
      // Costs were checked before: what is left is that there is no memory for it.
      done(error === null ? null : tooManyPasswords(error), key)
      this.#next()
    })
  }
}

const scryptKey: DeriveKey = (password, salt, { logN, r, p }, done) => {
  const maxmem = 2 * 128 * r * (2 ** logN + p) + 1024 * 1024
  try {
    scrypt(password, salt, keyBytes, { N: 2 ** logN, r, p, maxmem }, done)
  } catch (error) {
    // It throws at once where its limits, which are not all documented, are not kept.
    done(error instanceof Error ? error : new Error(String(error)), new Uint8Array())
  }
}

/**
 * The hash that a client sent in place of a password, checked: as text, or that in base64, as etcd's
 * clients send what they have hashed. Throws `malformed`, without the text: it is a secret.
 */
export function hashOfText(text: string): Bytes {
  const hash = decodeHash(Buffer.from(text, text.startsWith('$') ? 'utf8' : 'base64'))
  if (hash === null) {
    throw new StoreError('malformed', 'the password hash is not scrypt in PHC form')
  }
  return encodeHash(hash)
}

function encodeHash({ cost: { logN, r, p }, salt, key }: PasswordHash): Bytes {
  return Buffer.from(`$scrypt$ln=${logN},r=${r},p=${p}$${base64(salt)}$${base64(key)}`)
}

const form =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})$/

/** Null for what is not one, or asks for more than it may. */
function decodeHash(hash: Bytes): PasswordHash | null {
  if (hash.length > passwordHashBytesMax) return null
  const match = form.exec(Buffer.from(hash).toString('latin1'))
  if (match === null) return null
  const [logN, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const sound =
    logN >= 1 && logN <= costMax.logN && r >= 1 && r <= costMax.r && p >= 1 && p <= costMax.p
  // The last is a rule of the algorithm.
  if (!sound || 128 * r * 2 ** logN > costMax.bytes || logN >= 16 * r) return null
  const salt = Buffer.from(match[4] ?? '', 'base64')
  const key = Buffer.from(match[5] ?? '', 'base64')
  return { cost: { logN, r, p }, salt, key }
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64').replace(/=+$/, '')

function tooManyPasswords(cause?: Error): RaftsmanError {
  return new RaftsmanError('too many passwords wait to be checked; try again in a moment', {
    code: 'too-many-requests',
    retryable: true,
    outcome: 'not-applied',
    cause,
  })
}
