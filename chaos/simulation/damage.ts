// Durable bytes go bad: a bit rots, or a sector lands on top of another. Only below what a later record
// knows to be durable, for damage to the very last write cannot be told from a torn one (docs/wal.md).

import type { Random } from '../../platform/random.js'
import { readRecord, recordType } from '../../raft/storage/record.js'
import type { Machine } from './machine.js'
import { pick, wholeBetween } from './streams.js'

interface Region {
  readonly path: string
  /** Bytes from the start of the file that may be hit. */
  readonly bytes: number
}

const sectorBytes = 512

function regions(machine: Machine): readonly Region[] {
  const named = new Set(machine.disk.paths())
  // What a repair has moved aside is read by nobody.
  const files = [...machine.disk.durableFiles()]
    .filter(([path]) => path.endsWith('.wal') && !path.includes('/damaged-') && named.has(path))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return files
    .map(([path, content], at) => {
      const { end, durable } = goodBytes(content)
      return { path, bytes: at === files.length - 1 ? durable : end }
    })
    .filter(({ bytes }) => bytes > 0)
}

/** How far its records are good, and how much of that the last of them knows to be durable. */
function goodBytes(content: Uint8Array): { readonly end: number; readonly durable: number } {
  const segment = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  let end = 0
  let durable = 0
  let salt = 0
  for (;;) {
    const record = readRecord(segment, end, salt)
    if (record === null) return { end, durable }
    if (record.type === recordType.segment) salt = record.payload.readUInt32LE(4)
    durable = record.durable
    end = record.end
  }
}

/** False when nothing of the machine's log may be hit. */
export function damageLog(machine: Machine, random: Random, how: 'rot' | 'misdirect'): boolean {
  const region = pick(random, regions(machine))
  if (region === undefined) return false
  if (how === 'rot') {
    const offset = random.integer(region.bytes)
    for (let bits = wholeBetween(random, 1, 3); bits > 0; bits -= 1)
      machine.disk.flipBit(region.path, offset, random.integer(8))
    return true
  }
  const sectors = Math.floor(region.bytes / sectorBytes)
  if (sectors < 2) return false
  const to = random.integer(sectors)
  const from = (to + 1 + random.integer(sectors - 1)) % sectors
  machine.disk.misdirect(region.path, from, to)
  return true
}
