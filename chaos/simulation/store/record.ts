// The record of what was applied, entry by entry: each is compared with the reference when some member
// applies it first, and with the first one when others do. What clients are told is held against it.

import type { Entry } from '../../../raft/core/types.js'
import type { Command, CommandResult } from '../../../store/core/command.js'
import { decodeCommands } from '../../../store/core/command.js'
import type { KeyValue } from '../../../store/core/types.js'
import { must } from '../../../platform/errors.js'
import type { SessionLimits } from '../../../store/core/limits.js'
import { holds } from '../failure.js'
import type { Expected } from './reference.js'
import { Reference, Refusal } from './reference.js'
import { ReferenceSessions } from './reference-sessions.js'

/** A state as a member has it, in a few words. */
export interface StateSummary {
  readonly appliedIndex: number
  readonly revision: number
  readonly compactRevision: number
  readonly stateHash: string
}

interface Point extends StateSummary {
  readonly term: number
}

/** A command that was applied, by its place. */
export interface AppliedCommand {
  readonly index: number
  readonly term: number
  readonly command: Command
  /** Null: of a kind that the reference knows nothing of, and that moves no revision. */
  readonly expected: Expected | null
  /** It was done here; one that has a name, or a nonce, may come again, and is then only answered. */
  readonly isNew: boolean
  /** The revision went up with it. */
  readonly changed: boolean
}

export interface RecordOptions {
  /** Told of every command once, in order, when it is applied for the first time. */
  readonly onCommand: (applied: AppliedCommand) => void
  readonly sessions: SessionLimits
}

export class AppliedRecord {
  readonly reference = new Reference()
  readonly sessions: ReferenceSessions
  private readonly options: RecordOptions
  /** points[i] is the state behind entry i + 1. */
  private readonly points: Point[] = []

  constructor(options: RecordOptions) {
    this.options = options
    this.sessions = new ReferenceSessions(options.sessions)
  }

  get lastIndex(): number {
    return this.points.length
  }

  /** A member has applied the entry, with these results. */
  applied(
    member: number,
    entry: Entry,
    results: readonly CommandResult[],
    state: StateSummary,
  ): void {
    const known = this.points[entry.index - 1]
    if (known !== undefined) {
      holds(
        known.term === entry.term,
        'state-machine-safety',
        () => `m${member} applies entry ${entry.index} of term ${entry.term}, not ${known.term}`,
      )
      this.same(member, state)
      return
    }
    holds(
      entry.index === this.points.length + 1,
      'state-machine-safety',
      () => `m${member} applies entry ${entry.index}, nobody has applied the one before it`,
    )
    const { term } = entry
    if (entry.kind === 'normal') this.judge(entry, results)
    const { appliedIndex, revision: reached, compactRevision, stateHash } = state
    this.points.push({ appliedIndex, revision: reached, compactRevision, stateHash, term })
    const { revision, compacted } = this.reference
    holds(
      state.revision === revision && state.compactRevision === compacted,
      'revision-witness',
      () =>
        `behind entry ${entry.index} m${member} is at revision ${state.revision}, compacted at ${state.compactRevision}; it should be ${revision} and ${compacted}`,
    )
  }

  /** A state that a member has found, restored or reached is that of its index. */
  same(member: number, state: StateSummary): void {
    const { appliedIndex, revision, compactRevision, stateHash } = state
    if (appliedIndex === 0) return
    const known = this.points[appliedIndex - 1]
    holds(
      known !== undefined &&
        known.stateHash === stateHash &&
        known.revision === revision &&
        known.compactRevision === compactRevision,
      'equal-states',
      () =>
        `at index ${appliedIndex} m${member} has state ${stateHash} of revision ${revision}, compacted at ${compactRevision}; others had ${known?.stateHash} of ${known?.revision}, ${known?.compactRevision}`,
    )
  }

  private judge(entry: Entry, results: readonly CommandResult[]): void {
    const commands = decodeCommands(entry.data)
    holds(
      commands.length === results.length,
      'revision-witness',
      () => `entry ${entry.index} has ${commands.length} commands and ${results.length} results`,
    )
    const { index, term } = entry
    commands.forEach((command, at) => {
      const { revision } = this.reference
      const { expected, isNew } = this.expectOnce(command, term, index)
      const changed = this.reference.revision > revision
      const result = results[at]
      const shown = result === undefined ? 'nothing' : show(answerOf(result))
      const applied = { index, term, command, expected, isNew, changed }
      if (expected === null || this.isTooLong(applied, result)) {
        this.options.onCommand(applied)
        return
      }
      const fenced = 'leaderTerm' in command && command.leaderTerm !== 0
      holds(
        shown === show(expected),
        fenced && command.leaderTerm !== term ? 'lease-fenced' : 'revision-witness',
        () =>
          `entry ${index} of term ${term}, ${show(command)}: the result is ${shown}, it should be ${show(expected)}`,
      )
      this.options.onCommand(applied)
    })
  }

  private expectOnce(
    command: Command,
    term: number,
    index: number,
  ): Pick<AppliedCommand, 'expected' | 'isNew'> {
    const { once } = command
    const { reference } = this
    if (command.kind === 'openSession') {
      return this.sessions.open(reference.revision, index, openingOf(command))
    }
    if (once === undefined) return { expected: this.expect(command, term, index), isNew: true }
    return this.sessions.write(
      once,
      index,
      () => reference.revision,
      () => must(this.expect(command, term, index), 'a kind of write that can have a name'),
    )
  }

  /** An answer that was too long to be kept may come again as that, if it says the truth of its outcome. */
  private isTooLong({ command, expected, isNew }: AppliedCommand, result?: CommandResult): boolean {
    const { once } = command
    if (once === undefined || isNew || expected?.ok !== true || result?.ok !== false) return false
    if (result.error.code !== 'once-answer-long') return false
    return (result.error.outcome === 'not-applied') === this.sessions.changedNothing(once)
  }

  private expect(command: Command, term: number, index: number): Expected | null {
    const { reference } = this
    const { kind } = command
    try {
      if (kind === 'put') return reference.put(command.request)
      if (kind === 'deleteRange') return reference.deleteRange(command.request)
      if (kind === 'txn') return reference.txn(command.request)
      if (kind === 'compact') return reference.compact(command.request.revision)
      if (kind === 'leaseGrant') return reference.grant(command.id, command.ttlSeconds, index)
      if (kind === 'leaseRevoke')
        return reference.revoke(command.id, command.leaderTerm, term, index)
      if (kind === 'leaseCheckpoint')
        return reference.checkpoint(command.checkpoints, command.leaderTerm, term)
      return null
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, code: error.code }
      throw error
    }
  }
}

function openingOf({ nonce, by }: Extract<Command, { kind: 'openSession' }>): string | null {
  return nonce === undefined ? null : show([nonce, by])
}

/** A result in the form of what is expected. */
export function answerOf(result: CommandResult): Expected {
  if (!result.ok) return { ok: false, code: result.error.code }
  return { ok: true, revision: result.response.header.revision, body: bodyOf(result.response) }
}

/** Without headers: a response in one piece, or as it came over the wire. */
export function bodyOf(response: object): unknown {
  if (Array.isArray(response)) return response.map(item => bodyOf(item as object))
  const entries = Object.entries(response).filter(([name]) => name !== 'header')
  if ('response' in response && 'kind' in response) {
    const { kind, response: inner } = response as { kind: unknown; response: object }
    return { kind, ...(bodyOf(inner) as object) }
  }
  return Object.fromEntries(
    entries.map(([name, value]) => [name, name === 'responses' ? bodyOf(value as object) : value]),
  )
}

/** One line for one value: equal lines, equal values. The order of fields does not count. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('latin1'))
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (isKeyValue(value)) return showKv(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${name}: ${show(field)}`)
  return `{${fields.join(', ')}}`
}

function isKeyValue(value: unknown): value is KeyValue {
  return typeof value === 'object' && value !== null && 'modRevision' in value && 'version' in value
}

export function showKv(kv: KeyValue): string {
  const { key, value, createRevision, modRevision, version, lease } = kv
  const held = lease === 0 ? '' : ` l${lease}`
  return `${show(key)}=${show(value)} c${createRevision} m${modRevision} v${version}${held}`
}
