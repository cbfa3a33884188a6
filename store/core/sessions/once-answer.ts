// What a command was answered with, as bytes, for whoever asks once more. It stands in snapshots and in the
// state hash: the form never changes, a new one is a new code. An answer that is too long is not kept, only
// where it was given and whether anything was changed.

import { InvariantViolation, unreachable } from '../../../platform/errors.js'
import type { PackedValue, UnpackRules } from '../../../platform/msgpack.js'
import { packArray, unpackArray } from '../../../platform/msgpack.js'
import { bytes, count, list, malformed, text, truth, tuple } from '../command-fields.js'
import type { Command, CommandResult } from '../command.js'
import { CompactedError, StoreError, storeErrorCodes } from '../errors.js'
import { sessionLimits, txnOperationsMax, txnOperationsTotalMax } from '../limits.js'
import type { Bytes, KeyValue, ResponseHeader, ResponseOp } from '../types.js'

/** From `put` on those of the commands (kv-command.ts, lease-command.ts). */
const code = {
  refused: 0,
  put: 1,
  deleteRange: 2,
  txn: 3,
  compact: 4,
  leaseGrant: 5,
  leaseRevoke: 6,
  long: 7,
} as const
/** `range` is an operation of transactions. */
const rangeCode = 0
const shortBytes = 64
/** Of what a refusal says to people. */
const detailMax = 200

const rules: UnpackRules = {
  itemsMax: sessionLimits.answerBytesMax,
  depthMax: 4 * txnOperationsMax,
  textBytesMax: sessionLimits.answerBytesMax,
  numbers: 'own',
  binaries: 'copies',
  error: detail => new StoreError('malformed', detail),
}

export type MakeHeader = (revision: number, raftTerm: number) => ResponseHeader

/** Where a write was answered, and with what. */
export interface OnceAnswer {
  /** Of the header; 0 in a refusal. */
  readonly revision: number
  readonly raftTerm: number
  /** A packed array that begins with a code. */
  readonly body: Bytes
}

/** Whole where its body has at most `bytesMax` bytes, or so few that leaving it out saves nothing. */
export function encodeAnswer(
  result: CommandResult,
  changed: boolean,
  bytesMax: number,
): OnceAnswer {
  const lengthMax = Math.max(shortBytes, bytesMax)
  if (!result.ok) {
    const whole = packArray(refusalFields(result.error))
    const body =
      whole.length <= lengthMax ? whole : packArray([code.refused, result.error.code, null, null])
    return { revision: 0, raftTerm: 0, body }
  }
  const { revision, raftTerm } = result.response.header
  const whole =
    commonBody(result) ?? (isLong(result, lengthMax) ? null : packArray(answerFields(result)))
  const fits = whole !== null && whole.length <= lengthMax
  return { revision, raftTerm, body: fits ? whole : packArray([code.long, changed]) }
}

/** At least: a key of one byte and five numbers. */
const kvBytesMin = 8

/** True where so many key-values cannot fit: then they need not be packed to find out. */
function isLong(result: Done, bytesMax: number): boolean {
  return kvsOf(result) * kvBytesMin > bytesMax
}

/** Key-values of an answer. */
function kvsOf(op: Done | ResponseOp): number {
  if (op.kind === 'range') return op.response.kvs.length
  if (op.kind === 'deleteRange') return op.response.prevKvs.length
  if (op.kind !== 'txn') return 0
  return op.response.responses.reduce((sum, one) => sum + kvsOf(one), 0)
}

type Done = Extract<CommandResult, { readonly ok: true }>

const plainPut = packArray([code.put, null])
/** A comparison that held, and then one put: what Kubernetes writes. */
const plainSwap = packArray([code.txn, true, [[code.put, null]]])

/** Most answers are one of these: they are packed once and for all. */
function commonBody(result: Done): Bytes | null {
  if (result.kind === 'put') return result.response.prevKv === null ? plainPut : null
  if (result.kind !== 'txn') return null
  const { succeeded, responses } = result.response
  const [only] = responses
  const isOnePut = succeeded && responses.length === 1 && only?.kind === 'put'
  return isOnePut && only.response.prevKv === null ? plainSwap : null
}

function answerFields(result: Done): PackedValue[] {
  switch (result.kind) {
    case 'put':
    case 'deleteRange':
    case 'txn':
      return opFields(result)
    case 'compact':
      return [code.compact]
    case 'leaseGrant':
      return [code.leaseGrant, result.response.id, result.response.ttlSeconds]
    case 'leaseRevoke':
      return [code.leaseRevoke]
    case 'leaseCheckpoint':
    case 'auth':
    case 'member':
    case 'cluster':
    case 'alarm':
    case 'quota':
    case 'hash':
    case 'openSession':
      throw new InvariantViolation(`a command of the kind ${result.kind} has no name`)
    default:
      return unreachable(result)
  }
}

function refusalFields(error: StoreError): PackedValue[] {
  const compactRevision = error instanceof CompactedError ? error.compactRevision : null
  return [code.refused, error.code, shortened(error.detail), compactRevision]
}

function shortened(detail: string | undefined): string | null {
  return detail === undefined || detail.length > detailMax ? null : detail
}

function opFields(op: ResponseOp): PackedValue[] {
  switch (op.kind) {
    case 'range':
      return [rangeCode, op.response.kvs.map(kvFields), op.response.more, op.response.count]
    case 'put':
      return [code.put, op.response.prevKv === null ? null : kvFields(op.response.prevKv)]
    case 'deleteRange':
      return [code.deleteRange, op.response.deleted, op.response.prevKvs.map(kvFields)]
    case 'txn':
      return [code.txn, op.response.succeeded, op.response.responses.map(opFields)]
    default:
      return unreachable(op)
  }
}

function kvFields(kv: KeyValue): PackedValue[] {
  return [kv.key, kv.value, kv.createRevision, kv.modRevision, kv.version, kv.lease]
}

/** The answer again. Throws StoreError: `malformed` for bytes that are none. */
export function decodeAnswer(
  { revision, raftTerm, body }: OnceAnswer,
  kind: Command['kind'],
  makeHeader: MakeHeader,
): CommandResult {
  const fields = unpackArray(body, rules) as unknown[]
  if (fields[0] === code.refused) return { ok: false, error: decodeRefusal(fields) }
  if (fields[0] === code.long) return { ok: false, error: tooLong(revision, truth(fields[1])) }
  const result = decodeResult(fields, makeHeader(revision, raftTerm))
  if (result.kind === kind) return result
  return { ok: false, error: new StoreError('malformed', 'the number names another write') }
}

function decodeResult(fields: unknown[], header: ResponseHeader): Done {
  switch (fields[0]) {
    case code.put:
    case code.deleteRange:
    case code.txn: {
      const op = decodeOp(fields, header)
      if (op.kind === 'range') malformed('a range is no command')
      return { ok: true, ...op }
    }
    case code.compact:
      return { ok: true, kind: 'compact', response: { header } }
    case code.leaseGrant: {
      const [, id, ttlSeconds] = tuple(fields, 3)
      const response = { header, id: count(id), ttlSeconds: count(ttlSeconds) }
      return { ok: true, kind: 'leaseGrant', response }
    }
    case code.leaseRevoke:
      return { ok: true, kind: 'leaseRevoke', response: { header } }
    default:
      return malformed('an answer is not known')
  }
}

function decodeRefusal(fields: unknown[]): StoreError {
  const [, name, detail, compactRevision] = tuple(fields, 4)
  const known = storeErrorCodes.find(one => one === text(name))
  if (known === undefined) malformed('a refusal is not known')
  if (compactRevision !== null) return new CompactedError(count(compactRevision))
  return new StoreError(known, detail === null ? undefined : text(detail))
}

/** What changed nothing may be asked for again under another number. */
function tooLong(revision: number, changed: boolean): StoreError {
  const what = changed ? `it was done, at revision ${revision}` : 'it changed nothing'
  return new StoreError('once-answer-long', what, changed ? 'unknown' : 'not-applied')
}

/** Operations of a transaction have the header of the whole, as on the wire. */
function decodeOp(value: unknown, header: ResponseHeader): ResponseOp {
  const fields = list(value, 4)
  switch (fields[0]) {
    case rangeCode: {
      const [, kvs, more, total] = tuple(fields, 4)
      const response = { header, kvs: decodeKvs(kvs), more: truth(more), count: count(total) }
      return { kind: 'range', response }
    }
    case code.put: {
      const [, prevKv] = tuple(fields, 2)
      return {
        kind: 'put',
        response: { header, prevKv: prevKv === null ? null : decodeKv(prevKv) },
      }
    }
    case code.deleteRange: {
      const [, deleted, prevKvs] = tuple(fields, 3)
      const response = { header, deleted: count(deleted), prevKvs: decodeKvs(prevKvs) }
      return { kind: 'deleteRange', response }
    }
    case code.txn: {
      const [, succeeded, ops] = tuple(fields, 3)
      const responses = list(ops, txnOperationsTotalMax).map(op => decodeOp(op, header))
      return { kind: 'txn', response: { header, succeeded: truth(succeeded), responses } }
    }
    default:
      return malformed('an operation is not known')
  }
}

function decodeKvs(value: unknown): KeyValue[] {
  return list(value, sessionLimits.answerBytesMax).map(decodeKv)
}

function decodeKv(value: unknown): KeyValue {
  const [key, content, createRevision, modRevision, version, lease] = tuple(value, 6)
  return {
    key: bytes(key),
    value: bytes(content),
    createRevision: count(createRevision),
    modRevision: count(modRevision),
    version: count(version),
    lease: count(lease),
  }
}
