// Gives writes their names: opens a session when the first one asks for a name, and another when it is lost.
// Where members know no sessions yet, writes go without a name, and one whose answer does not come is unknown.
//
// An opening is asked for, over any link and as often as need be, under one nonce until it has been answered: it
// opens one session, and those of other clients are not forgotten for its sake. The next has another nonce, for
// under the old one it would be given the session whose numbers are taken.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import type { OpenSessionResponse } from '../core/types.js'
import { protocolLimits, sessionsProtocolVersion } from '../protocol.js'
import type { Welcome } from '../protocol.js'
import { type WriteName, WriteSession } from './write-session.js'

/** After which it is looked again whether there are sessions. */
const namelessMs = 1_000
/** It doubles to the longer one while openings are refused. */
const retryMsMin = 200
const retryMsMax = 1_600

export interface WriteNamingOptions {
  readonly clock: Clock
  readonly random: Random
  readonly open: (nonce: Uint8Array) => Promise<OpenSessionResponse>
  /** What waits for a name may ask again. */
  readonly onChange: () => void
}

export class WriteNaming {
  readonly #options: WriteNamingOptions
  #session: WriteSession | null = null
  #opening = false
  /** Of the opening that has not been answered yet; null: the next one draws it. */
  #nonce: Uint8Array | null = null
  #notBeforeMs = 0
  #retryMs = retryMsMin
  #namelessUntilMs = -Infinity

  constructor(options: WriteNamingOptions) {
    this.#options = options
  }

  /** For a write that leaves now, over a link with this welcome. Null: it goes without. */
  name({ version, clusterId }: Welcome): WriteName | 'wait' | null {
    const nowMs = this.#options.clock.monotonicMs()
    if (version < sessionsProtocolVersion || nowMs < this.#namelessUntilMs) return null
    const session = this.#session
    if (session !== null && !session.lost && session.clusterId === clusterId) {
      return session.hasRoom ? session.take() : 'wait'
    }
    if (!this.#opening && nowMs >= this.#notBeforeMs) this.#open()
    return 'wait'
  }

  /** Whether a name that was taken means something there. */
  isGood({ session }: WriteName, { version, clusterId }: Welcome): boolean {
    const speaks = version >= sessionsProtocolVersion && session.clusterId === clusterId
    return speaks && !session.lost
  }

  /** The members do not know sessions, or not any more. */
  forgo(): void {
    this.#namelessUntilMs = this.#options.clock.monotonicMs() + namelessMs
  }

  #open(): void {
    const { open, onChange, random } = this.#options
    this.#opening = true
    this.#nonce ??= random.bytes(protocolLimits.nonceBytes)
    const ended = (): void => {
      this.#opening = false
      onChange()
    }
    open(this.#nonce).then(
      ({ header, session, numbersMax }) => {
        this.#session = new WriteSession(session, header.clusterId, numbersMax)
        this.#nonce = null
        this.#retryMs = retryMsMin
        ended()
      },
      (error: unknown) => {
        this.#failed(error)
        ended()
      },
    )
  }

  /** What is refused for good is refused to the writes as well, and they shall say so. */
  #failed(error: unknown): void {
    const known = error instanceof RaftsmanError ? error : null
    const mayRetry = known?.retryable === true && known.code !== 'version-too-low'
    if (!mayRetry) {
      this.forgo()
      return
    }
    this.#notBeforeMs = this.#options.clock.monotonicMs() + this.#retryMs
    this.#retryMs = Math.min(2 * this.#retryMs, retryMsMax)
  }
}
