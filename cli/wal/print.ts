// Records of a log as people and programs read them: lines of at most 80 columns, or one JSON object a
// line.

import { decodeConfChange } from '../../raft/core/conf-change.js'
import type { Entry, SnapshotMeta } from '../../raft/core/types.js'
import { EntryCursor, readEntries } from '../../raft/storage/entries-payload.js'
import { readDamage, readHardState, readMarker } from '../../raft/storage/payload.js'
import type { LogRecord } from '../../raft/storage/record.js'
import { recordType } from '../../raft/storage/record.js'
import type { SegmentView } from './segments.js'

const dataColumns = 64

const names: ReadonlyMap<number, string> = new Map([
  [recordType.segment, 'segment'],
  [recordType.entries, 'entries'],
  [recordType.hardState, 'hard state'],
  [recordType.snapshot, 'snapshot'],
  [recordType.compaction, 'compaction'],
  [recordType.restore, 'restore'],
  [recordType.damage, 'damage'],
  [recordType.filler, 'filler'],
])

export function typeName(record: LogRecord): string {
  return names.get(record.type) ?? `type ${record.type}`
}

export function entryRange(record: LogRecord): { readonly first: number; readonly last: number } {
  const { first, last } = new EntryCursor(record.payload)
  return { first, last }
}

const member = (id: number): string => (id === 0 ? '-' : String(id))

function markerText({ index, term, confState }: SnapshotMeta): string {
  const { voters, votersOutgoing, learners, learnersNext, addresses = [] } = confState
  const groups = [
    ['voters', voters],
    ['outgoing', votersOutgoing],
    ['learners', learners],
    ['learners to be', learnersNext],
  ] as const
  const members = groups.map(([name, ids]) => (ids.length > 0 ? `, ${name} ${ids.join(' ')}` : ''))
  const places = addresses.map(({ node, name, address }) => `, ${node} is ${name} at ${address}`)
  return `index ${index}, term ${term}${members.join('')}${places.join('')}`
}

/** What a record says, in one line. Throws BadPayload when it makes no sense. */
export function recordText(record: LogRecord, segment: SegmentView): string {
  switch (record.type) {
    case recordType.segment: {
      const { header } = segment.examined
      return header?.beginsAnew === true ? 'begins the log anew, after a repair' : ''
    }
    case recordType.entries: {
      const { first, last } = entryRange(record)
      const terms = [...new Set(readEntries(record.payload).map(({ term }) => term))]
      return `${first}-${last}, term ${terms.join(' ')}`
    }
    case recordType.hardState: {
      const { state, mark } = readHardState(record.payload)
      const members = mark === null || mark.index === 0 ? '' : `, members as of ${mark.index}`
      return `term ${state.term}, vote ${member(state.vote)}, commit ${state.commit}${members}`
    }
    case recordType.snapshot:
    case recordType.compaction:
    case recordType.restore:
      return markerText(readMarker(record.payload))
    case recordType.damage: {
      const damage = readDamage(record.payload)
      return damage === null ? 'whole again' : `up to ${damage.floor}: ${damage.reason}`
    }
    default:
      return ''
  }
}

/** The fields of a record, for programs. */
export function recordJson(record: LogRecord, withData: boolean): object {
  switch (record.type) {
    case recordType.entries: {
      const range = entryRange(record)
      return withData ? { ...range, entries: readEntries(record.payload).map(entryJson) } : range
    }
    case recordType.hardState: {
      const { state, mark } = readHardState(record.payload)
      return { ...state, confChange: mark }
    }
    case recordType.snapshot:
    case recordType.compaction:
    case recordType.restore:
      return readMarker(record.payload)
    case recordType.damage:
      return { damage: readDamage(record.payload) }
    default:
      return {}
  }
}

function entryJson({ data, ...entry }: Entry): object {
  return { ...entry, data: Buffer.from(data).toString('base64') }
}

/** One entry and its data, dots for what does not print. */
export function entryLines(entry: Entry): string[] {
  const { index, term, kind, origin, sequence, data } = entry
  const change = kind === 'confChange' ? changeText(data) : ''
  const lines = [
    `    ${index}  term ${term}, ${kind}, from ${member(origin)}/${sequence}, ${data.length} B${change}`,
  ]
  const printable = Buffer.from(data)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '.')
  for (let at = 0; at < printable.length; at += dataColumns)
    lines.push(`      ${printable.slice(at, at + dataColumns)}`)
  return lines
}

function changeText(data: Uint8Array): string {
  const change = decodeConfChange(data)
  if (change === null) return ''
  if (change.length === 0) return ': leave joint'
  return `: ${change.map(({ kind, node }) => `${kind} ${node}`).join(', ')}`
}
