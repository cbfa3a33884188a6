// A second, plain implementation of sessions: which writes are done, and what those are answered that come
// again. Nothing is bounded but what the limits say, and nothing is encoded. Written from docs/protocol.md.

import type { SessionLimits } from '../../../store/core/limits.js'
import type { Once } from '../../../store/core/types.js'
import { must } from '../../../platform/errors.js'
import type { Expected } from './reference.js'

interface Session {
  readonly id: number
  /** By whom and under which nonce it was opened; null: without any. */
  readonly opening: string | null
  usedAt: number
  floor: number
  /** Of every number that was ever done. */
  readonly done: Map<number, Done>
}

interface Done {
  readonly expected: Expected
  readonly changed: boolean
}

/** What becomes of a write with a name. */
export interface OnceExpected {
  readonly expected: Expected
  /** It is done now, for the first time. */
  readonly isNew: boolean
}

/** The answer to an opening. */
export interface OpenExpected {
  readonly expected: Expected
  /** It opened a session; or it came again, and found the one it had opened. */
  readonly isNew: boolean
}

export class ReferenceSessions {
  forgotten = 0
  private readonly limits: SessionLimits
  private readonly sessions = new Map<number, Session>()
  private opened = 0

  constructor(limits: SessionLimits) {
    this.limits = limits
  }

  open(revision: number, index: number, opening: string | null): OpenExpected {
    const known = [...this.sessions.values()].find(
      session => opening !== null && session.opening === opening,
    )
    const id = known?.id ?? this.openAnother(index, opening)
    if (known !== undefined) known.usedAt = index
    const body = { session: id, numbersMax: this.limits.numbersMax }
    return { expected: { ok: true, revision, body }, isNew: known === undefined }
  }

  private openAnother(index: number, opening: string | null): number {
    if (this.sessions.size === this.limits.sessionsMax) {
      const oldest = [...this.sessions.values()].sort(
        (a, b) => a.usedAt - b.usedAt || a.id - b.id,
      )[0]
      this.sessions.delete(must(oldest, 'a session to forget').id)
      this.forgotten += 1
    }
    this.opened += 1
    const id = this.opened
    this.sessions.set(id, { id, opening, usedAt: index, floor: 1, done: new Map() })
    return id
  }

  write(
    { session: id, number, floor }: Once,
    index: number,
    revision: () => number,
    decide: () => Expected,
  ): OnceExpected {
    const refused = (code: string) => ({ expected: { ok: false, code }, isNew: false }) as const
    const session = this.sessions.get(id)
    if (session === undefined) return refused('session-not-found')
    session.usedAt = index
    session.floor = Math.max(session.floor, floor)
    if (number < session.floor) return refused('once-forgotten')
    if (number >= session.floor + this.limits.numbersMax) return refused('once-ahead')
    const known = session.done.get(number)
    if (known !== undefined) return { expected: known.expected, isNew: false }
    const before = revision()
    const expected = decide()
    session.done.set(number, { expected, changed: revision() > before })
    return { expected, isNew: true }
  }

  /** Whether the write was done and left nothing behind. */
  changedNothing({ session, number }: Once): boolean {
    return this.sessions.get(session)?.done.get(number)?.changed === false
  }
}
