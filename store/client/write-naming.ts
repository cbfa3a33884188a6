// Gives writes their names: opens a session when the first one asks for a name, and another when it is lost.
// Where members know no sessions yet, writes go without a name, and one whose answer does not come is unknown.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { OpenSessionResponse } from '../core/types.js'
import { sessionsProtocolVersion } from '../protocol.js'
import type { Welcome } from '../protocol.js'
import { type WriteName, WriteSession } from './write-session.js'

/** After which it is looked again whether there are sessions. */
const namelessMs = 1_000
const retryMs = 200

export interface WriteNamingOptions {
  readonly clock: Clock
  readonly open: () => Promise<OpenSessionResponse>
  /** What waits for a name may ask again. */
  readonly onChange: () => void
}

export class WriteNaming {
  readonly #options: WriteNamingOptions
  #session: WriteSession | null = null
  #opening = false
  #notBeforeMs = 0
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
    const { open, onChange } = this.#options
    this.#opening = true
    const ended = (): void => {
      this.#opening = false
      onChange()
    }
    open().then(
      ({ header, session, numbersMax }) => {
        this.#session = new WriteSession(session, header.clusterId, numbersMax)
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
    if (mayRetry) this.#notBeforeMs = this.#options.clock.monotonicMs() + retryMs
    else this.forgo()
  }
}
