// One row as backends keep it: a version of a key, its number, and a checksum over both. The checksum
// finds what a disk has damaged, and summed up it tells members apart (content.ts).

import type { Ordinal, Row, RowHead } from './backend.js'
import { RunningHash } from './hash.js'
import type { KeyValue } from './types.js'

export function makeRow(ordinal: Ordinal, kv: KeyValue): Row {
  return { ordinal, kv, checksum: rowChecksum(ordinal, kv) }
}

/** 32 bits, unsigned. It stands on disks: it never changes. */
export function rowChecksum(ordinal: Ordinal, kv: KeyValue): number {
  return new RunningHash()
    .number(ordinal)
    .number(kv.createRevision)
    .number(kv.modRevision)
    .number(kv.version)
    .number(kv.lease)
    .bytes(kv.key)
    .bytes(kv.value)
    .word()
}

export function headOf({ ordinal, kv, checksum }: Row): RowHead {
  const { key, createRevision, modRevision, version, lease } = kv
  const bytes = key.length + kv.value.length
  return { ordinal, key, createRevision, modRevision, version, lease, bytes, checksum }
}
