// Opening a session, and doing a write once in it. A client that does not know what became of a write sends
// it again under the same number; whichever of the two comes first in the log is done, and the other one is
// given its answer. Counterpart: none in etcd; ClientRequest and RegisterClient of Ongaro's thesis (6.3).

import type { PackedValue } from '../../../platform/msgpack.js'
import type { AppliedState, EntryContext } from '../applied-state.js'
import type { Author } from '../auth/author.js'
import { bytes, malformed, tuple } from '../command-fields.js'
import type { Command, CommandResult } from '../command.js'
import { StoreError } from '../errors.js'
import type { Applied, Sliced } from '../sliced.js'
import { nonceBytes } from '../limits.js'
import { decodeAnswer, encodeAnswer } from './once-answer.js'
import type { Bytes, OpenSessionResponse, Once } from '../types.js'

export interface SessionCommand {
  readonly kind: 'openSession'
  /**
   * Drawn by the client for this opening, and kept in all its repetitions: they are answered with the session
   * that the first of them opened. Absent: each opens one.
   */
  readonly nonce?: Bytes
}

export interface SessionResult {
  readonly ok: true
  readonly kind: 'openSession'
  readonly response: OpenSessionResponse
}

const code = { open: 15, openOnce: 40 } as const
/** Of the cluster, from which on there are sessions. */
export const sessionsVersion = 3
/** From which on their openings may have a nonce. */
export const noncesVersion = 4

export function encodeSessionCommand({ nonce }: SessionCommand): PackedValue[] {
  return nonce === undefined ? [code.open] : [code.openOnce, nonce]
}

export function decodeSessionCommand(fields: unknown[]): SessionCommand {
  if (fields[0] === code.openOnce) {
    const [, nonce] = tuple(fields, 2)
    return { kind: 'openSession', nonce: bytes(nonce) }
  }
  tuple(fields, 1)
  return { kind: 'openSession' }
}

/** The version of the cluster from which on it may be proposed. */
export function sessionCommandVersion({ nonce }: SessionCommand): number {
  return nonce === undefined ? sessionsVersion : noncesVersion
}

/** Throws StoreError `malformed`. */
export function checkOpening({ nonce }: SessionCommand): void {
  if (nonce === undefined || nonce.length === nonceBytes) return
  malformed(`a nonce has ${nonceBytes} bytes`)
}

/**
 * The form in which clusters that know no nonces do the same, but for its repetitions; null where there is no
 * other.
 */
export function withoutNonce(command: Command): Command | null {
  if (command.kind !== 'openSession' || command.nonce === undefined) return null
  const { nonce: _, ...nameless } = command
  return nameless
}

/** Throws StoreError, and has then changed nothing. */
export function applySessionCommand(
  { kv, sessions, version }: AppliedState,
  command: SessionCommand & { readonly by?: Author },
  { index, header }: EntryContext,
): SessionResult {
  // The log was handed on to programs that know less.
  if (version.version < sessionCommandVersion(command)) throw new StoreError('version-too-low')
  const session = sessions.open(userOf(command.by), index, command.nonce)
  const response = { header: header(kv.revision), session, numbersMax: sessions.limits.numbersMax }
  return { ok: true, kind: 'openSession', response }
}

/**
 * The answer of the first time, or what `decide` makes of it now, which is kept: results and refusals alike,
 * for the client may have been told of either. Throws StoreError; what it throws is not kept.
 */
export function applyOnce(
  state: AppliedState,
  { kind, by }: Command,
  once: Once,
  context: EntryContext,
  decide: () => Applied<CommandResult>,
): Applied<CommandResult> {
  const { sessions, version, kv } = state
  // The log was handed on to programs that know no sessions.
  if (version.version < sessionsVersion) throw new StoreError('version-too-low')
  const session = sessions.use(once, userOf(by), context.index)
  const known = session.answers.get(once.number)
  if (known !== undefined) return decodeAnswer(known, kind, context.header)
  const { revision } = kv
  const keep = (result: CommandResult): CommandResult => {
    const changed = kv.revision > revision
    sessions.keep(session, once.number, encodeAnswer(result, changed, sessions.roomOf(session)))
    return result
  }
  const applied = attempt(decide)
  return 'ok' in applied ? keep(applied) : keepResult(applied, keep)
}

function* keepResult(
  work: Sliced<CommandResult>,
  keep: (result: CommandResult) => CommandResult,
): Sliced<CommandResult> {
  let result: CommandResult
  try {
    result = yield* work
  } catch (error) {
    result = refusal(error)
  }
  return keep(result)
}

function attempt(decide: () => Applied<CommandResult>): Applied<CommandResult> {
  try {
    return decide()
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): CommandResult {
  // Who asks is looked at anew and then the same is asked once more, under the same number.
  if (!(error instanceof StoreError) || repeated.has(error.code)) throw error
  return { ok: false, error }
}

const repeated: ReadonlySet<string> = new Set(['auth-old-revision', 'user-empty'])

function userOf(by: Author): string | null {
  if (by === 'member') malformed('a member has no session')
  return by?.user ?? null
}
