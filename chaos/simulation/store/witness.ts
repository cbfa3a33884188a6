// The revision witness: what clients are answered, held against the one record of what was applied. Every
// answer names its revision, so there is nothing to search for: a write is at the place that its answer
// says, a read shows the state of its revision, and nothing is older than what anybody had been told before
// it was asked. Counterpart: the model of etcd's robustness tests, which is near linear for the same reason.

import { RaftsmanError } from '../../../platform/errors.js'
import type { Command } from '../../../store/core/command.js'
import type { RangeRequest, RangeResponse, TxnRequest } from '../../../store/core/types.js'
import type { ResponseHeader, TxnResponse } from '../../../store/core/types.js'
import { holds } from '../failure.js'
import type { AppliedCommand, AppliedRecord } from './record.js'
import { bodyOf, show } from './record.js'
import type { Expected } from './reference.js'

/** One operation of one client. */
export interface Operation {
  readonly id: number
  readonly what: string
  readonly calledMs: number
  /** What somebody had been told before it was asked: the highest revision, index and compaction. */
  readonly floor: number
  readonly floorIndex: number
  readonly floorCompacted: number
  outcome: 'pending' | 'answered' | 'not-applied' | 'unknown'
  applied: AppliedCommand | null
}

interface Headed {
  readonly header: ResponseHeader
}

/** Codes with which the state machine itself refuses a command: they stand in the log as well. */
const refusals = new Set([
  'key-not-found',
  'lease-not-found',
  'lease-exists',
  'compacted',
  'future-revision',
  'stale-leader',
])

/** Prefix of every value that a client writes, and the key that a transaction compares to be known by. */
export const markOf = (id: number): string => `${id}.`
const nameKey = /^~(\d+)$/
const nameValue = /^(\d+)\./
const nameEnd = /^[^\0]*\0(\d+)$/
const leaseBase = 1_000_000

export const nameKeyOf = (id: number): Buffer => Buffer.from(`~${id}`)
/** The end of a range that holds one key and tells who deletes it. */
export const nameEndOf = (key: string, id: number): Buffer => Buffer.from(`${key}\0${id}`)
export const leaseIdOf = (id: number): number => leaseBase + id

export class Witness {
  acknowledged = 0
  refused = 0
  unknown = 0
  reads = 0
  floor = 1
  floorIndex = 0
  floorCompacted = 0
  private readonly record: AppliedRecord
  private readonly nowMs: () => number
  private readonly mark: (fact: string) => void
  private readonly operations = new Map<number, Operation>()
  private ids = 0

  constructor(record: AppliedRecord, nowMs: () => number, mark: (fact: string) => void) {
    this.record = record
    this.nowMs = nowMs
    this.mark = mark
  }

  get asked(): number {
    return this.ids
  }

  /** Where an operation was applied; null when it was not. */
  indexOf(mark: string): number | null {
    return this.operations.get(Number.parseInt(mark, 10))?.applied?.index ?? null
  }

  begin(what: string): Operation {
    this.ids += 1
    const operation: Operation = {
      id: this.ids,
      what,
      calledMs: this.nowMs(),
      floor: this.floor,
      floorIndex: this.floorIndex,
      floorCompacted: this.floorCompacted,
      outcome: 'pending',
      applied: null,
    }
    this.operations.set(operation.id, operation)
    return operation
  }

  /** A command stands in the log, committed. */
  applied(applied: AppliedCommand): void {
    const id = idOf(applied.command)
    const operation = id === null ? undefined : this.operations.get(id)
    if (operation === undefined) return
    const { what, outcome, applied: before } = operation
    const { once } = applied.command
    if (once !== undefined) {
      if (!applied.isNew) {
        this.mark(`sent again: ${kindOf(applied.expected)}`)
        return
      }
      if (before !== null) this.mark('sent again under another number')
    }
    holds(
      before === null || (once !== undefined && !before.changed),
      'acknowledged-once',
      () => `${what} ${id} is applied at ${operation.applied?.index} and at ${applied.index}`,
    )
    holds(
      outcome !== 'not-applied',
      'not-applied',
      () => `${what} ${id} was answered "not applied" and is applied at ${applied.index}`,
    )
    operation.applied = applied
    if (outcome === 'unknown') this.mark('unknown outcome: applied later')
  }

  /** The highest revision that the client saw; from now on nothing may be older. */
  private told(header: ResponseHeader): void {
    this.floor = Math.max(this.floor, header.revision)
  }

  private end(operation: Operation, outcome: Operation['outcome']): void {
    holds(
      operation.outcome === 'pending',
      'acknowledged-once',
      () => `${operation.what} ${operation.id} is answered twice`,
    )
    operation.outcome = outcome
  }

  /** A write was acknowledged. */
  written(operation: Operation, response: Headed): void {
    this.end(operation, 'answered')
    const { id, what, applied, floor, floorIndex } = operation
    holds(
      applied !== null,
      'acknowledged-once',
      () => `${what} ${id} is acknowledged at ${response.header.revision} and nowhere in the log`,
    )
    const { expected, index } = applied
    holds(
      expected !== null && expected.ok && expected.revision === response.header.revision,
      'revision-witness',
      () =>
        `${what} ${id} at index ${index} is acknowledged at revision ${response.header.revision}, it is ${show(expected)}`,
    )
    const [answered, wanted] = [show(bodyOf(response)), show(expected.body)]
    holds(
      answered === wanted,
      'revision-witness',
      () => `${what} ${id} at index ${index} is answered ${answered}, it should be ${wanted}`,
    )
    holds(
      index > floorIndex && expected.revision >= floor,
      'revision-witness',
      () =>
        `${what} ${id} is at index ${index}, revision ${expected.revision}; ${floorIndex} and ${floor} were known before it was asked`,
    )
    this.acknowledged += 1
    this.floorIndex = Math.max(this.floorIndex, index)
    this.told(response.header)
  }

  /** What an operation failed with; throws what is no answer. */
  failed(operation: Operation, error: unknown): RaftsmanError {
    if (!(error instanceof RaftsmanError)) throw error
    const { id, what, applied } = operation
    this.mark(`${what}: ${error.code}, ${error.outcome}`)
    this.end(operation, error.outcome)
    if (error.outcome === 'unknown') this.unknown += 1
    else this.refused += 1
    const known = applied?.expected ?? null
    if (refusals.has(error.code)) {
      holds(
        known === null || (!known.ok && known.code === error.code),
        'revision-witness',
        () => `${what} ${id} is refused as ${error.code}, it should be ${show(known)}`,
      )
      return error
    }
    if (applied === null) return error
    holds(
      error.outcome === 'unknown',
      'not-applied',
      () => `${what} ${id} is applied at ${applied.index}, answered "not applied" (${error.code})`,
    )
    this.mark('unknown outcome: applied')
    return error
  }

  /** A read was answered. */
  ranged(operation: Operation, request: RangeRequest, response: RangeResponse): void {
    const isLinearizable = request.serializable !== true
    this.seen(operation, response.header, isLinearizable)
    const asked = request.revision ?? 0
    holds(
      !isLinearizable || asked <= 0 || asked >= operation.floorCompacted,
      'compaction-keeps',
      () => `revision ${asked} is read, and was known to be compacted`,
    )
    const { revision } = response.header
    const expected = show(this.record.reference.range(request, revision, true))
    const answered = show(bodyOf(response))
    holds(
      answered === expected,
      'revision-witness',
      () =>
        `${operation.what} ${operation.id} of ${show(request)} by m${response.header.memberId} at revision ${revision} is answered ${answered}, it should be ${expected}`,
    )
  }

  readTxn(operation: Operation, request: TxnRequest, response: TxnResponse): void {
    this.seen(operation, response.header, true)
    const { revision } = response.header
    const expected = show(this.record.reference.readTxn(request, revision))
    const answered = show(bodyOf(response))
    holds(
      answered === expected,
      'revision-witness',
      () =>
        `${operation.what} ${operation.id} at revision ${revision} is answered ${answered}, it should be ${expected}`,
    )
  }

  /** The header of an answer that changed nothing. */
  seen(operation: Operation, header: ResponseHeader, isLinearizable: boolean): void {
    this.end(operation, 'answered')
    this.reads += 1
    const { id, what, floor } = operation
    const { revision, memberId } = header
    holds(
      revision <= this.record.reference.revision,
      'revision-witness',
      () => `${what} ${id} is answered at revision ${revision}, which does not exist yet`,
    )
    holds(
      !isLinearizable || revision >= floor,
      'linearizable-reads',
      () => `${what} ${id} by m${memberId} sees revision ${revision}; ${floor} was known before`,
    )
    this.told(header)
  }

  readFailed(operation: Operation, request: RangeRequest, error: unknown): RaftsmanError {
    const failure = this.failed(operation, error)
    const { revision = 0 } = request
    const { compacted } = this.record.reference
    if (failure.code === 'compacted')
      holds(
        revision > 0 && revision < compacted,
        'compaction-keeps',
        () => `revision ${revision} is refused as compacted; the compaction is at ${compacted}`,
      )
    if (failure.code === 'future-revision')
      holds(
        request.serializable === true || revision > operation.floor,
        'linearizable-reads',
        () => `revision ${revision} is refused as of the future; ${operation.floor} was known`,
      )
    return failure
  }

  compacted(operation: Operation, revision: number, header: ResponseHeader): void {
    this.end(operation, 'answered')
    this.acknowledged += 1
    const { compacted } = this.record.reference
    holds(
      compacted >= revision,
      'acknowledged-once',
      () => `a compaction at ${revision} is acknowledged; the log has ${compacted}`,
    )
    this.floorCompacted = Math.max(this.floorCompacted, revision)
    this.told(header)
  }
}

/** Who asked for a command, by the name that the client hid in it; null: nobody who did. */
function idOf(command: Command): number | null {
  const { kind } = command
  if (kind === 'put') return numberIn(nameValue, command.request.value)
  if (kind === 'deleteRange')
    return command.request.end === undefined ? null : numberIn(nameEnd, command.request.end)
  if (kind === 'leaseGrant') return command.id > leaseBase ? command.id - leaseBase : null
  if (kind !== 'txn') return null
  const ids = command.request.compare.map(({ key }) => numberIn(nameKey, key))
  return ids.find(id => id !== null) ?? null
}

/** What a write is told that is not done. */
function kindOf(expected: Expected | null): string {
  return expected?.ok === false ? expected.code : 'answered as before'
}

function numberIn(pattern: RegExp, bytes: Uint8Array): number | null {
  const found = pattern.exec(Buffer.from(bytes.subarray(0, 64)).toString('latin1'))
  return found === null ? null : Number(found[1])
}
