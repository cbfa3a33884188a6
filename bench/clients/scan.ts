// What a load generator has to know of an answer of etcd's API, read without making objects of the rest:
// a thousand watchers in one process would otherwise measure how fast Node decodes. Counterpart: the
// message types of store/etcd/messages, which read everything.

import protobuf from 'protobufjs/minimal.js'
import type { Reader } from 'protobufjs'

/** Wire type of messages, bytes and strings. */
const lengthDelimited = 2

/** Calls back for every field that has a length, with the reader at its first byte. */
function eachPart(
  reader: Reader,
  end: number,
  onPart: (field: number, end: number) => void,
  onNumber: (field: number, reader: Reader) => boolean = () => false,
): void {
  while (reader.pos < end) {
    const tag = reader.uint32()
    const wireType = tag & 7
    if (wireType !== lengthDelimited) {
      if (!onNumber(tag >>> 3, reader)) reader.skipType(wireType)
      continue
    }
    const length = reader.uint32()
    const partEnd = reader.pos + length
    onPart(tag >>> 3, partEnd)
    reader.pos = partEnd
  }
}

export interface ScannedWatch {
  watchId: number
  created: boolean
  canceled: boolean
  readonly values: Uint8Array[]
}

export function scanWatchResponse(bytes: Uint8Array): ScannedWatch {
  const scanned: ScannedWatch = { watchId: 0, created: false, canceled: false, values: [] }
  const reader = protobuf.Reader.create(bytes)
  const event = (field: number, end: number) => {
    if (field !== 2) return
    let value: Uint8Array = new Uint8Array(0)
    eachPart(reader, end, (inner, innerEnd) => {
      if (inner === 5) value = bytes.subarray(reader.pos, innerEnd)
    })
    scanned.values.push(value)
  }
  eachPart(
    reader,
    bytes.length,
    (field, end) => {
      if (field === 11) eachPart(reader, end, event)
    },
    field => {
      if (field === 2) scanned.watchId = Number(reader.int64())
      else if (field === 3) scanned.created = reader.bool()
      else if (field === 4) scanned.canceled = reader.bool()
      else return false
      return true
    },
  )
  return scanned
}

export interface ScannedRange {
  keys: number
  lastKey: Uint8Array | null
  /** Of the last key; 0 when there is none. */
  lastModRevision: number
  more: boolean
  count: number
  revision: number
}

/** A RangeResponse. */
export function scanRangeResponse(bytes: Uint8Array): ScannedRange {
  const scanned: ScannedRange = {
    keys: 0,
    lastKey: null,
    lastModRevision: 0,
    more: false,
    count: 0,
    revision: 0,
  }
  const reader = protobuf.Reader.create(bytes)
  let last: readonly [number, number] | null = null
  eachPart(
    reader,
    bytes.length,
    (field, end) => {
      if (field === 1) scanned.revision = revisionIn(reader, end)
      if (field !== 2) return
      scanned.keys += 1
      last = [reader.pos, end]
    },
    field => {
      if (field === 3) scanned.more = reader.bool()
      else if (field === 4) scanned.count = Number(reader.int64())
      else return false
      return true
    },
  )
  if (last !== null) readLast(scanned, bytes.subarray(...(last as readonly [number, number])))
  return scanned
}

/** The RangeResponse in a RangeStreamResponse. */
export function rangeResponseIn(bytes: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(bytes)
  let found: Uint8Array = new Uint8Array(0)
  eachPart(reader, bytes.length, (field, end) => {
    if (field === 1) found = bytes.subarray(reader.pos, end)
  })
  return found
}

function revisionIn(reader: Reader, end: number): number {
  let revision = 0
  eachPart(
    reader,
    end,
    () => {},
    field => {
      if (field !== 3) return false
      revision = Number(reader.int64())
      return true
    },
  )
  return revision
}

function readLast(scanned: ScannedRange, kv: Uint8Array): void {
  const reader = protobuf.Reader.create(kv)
  scanned.lastKey = new Uint8Array(0)
  eachPart(
    reader,
    kv.length,
    (field, end) => {
      if (field === 1) scanned.lastKey = kv.subarray(reader.pos, end)
    },
    field => {
      if (field !== 3) return false
      scanned.lastModRevision = Number(reader.int64())
      return true
    },
  )
}

/** Whether the comparisons of a TxnResponse held. */
export function scanTxnSucceeded(bytes: Uint8Array): boolean {
  let succeeded = false
  const reader = protobuf.Reader.create(bytes)
  eachPart(
    reader,
    bytes.length,
    () => {},
    field => {
      if (field !== 2) return false
      succeeded = reader.bool()
      return true
    },
  )
  return succeeded
}
