// `raftsman wal …`: a look into the write-ahead log of a member, whether it runs or not, without
// changing anything. Counterparts: etcd-dump-logs, and wal.Verify of etcd.

import { type Command, Option } from 'commander'
import { BadPayload } from '../raft/storage/payload-reader.js'
import { readEntries } from '../raft/storage/entries-payload.js'
import type { LogRecord } from '../raft/storage/record.js'
import { recordType } from '../raft/storage/record.js'
import { aligned } from './aligned.js'
import { UserError } from './user-error.js'
import { entryLines, entryRange, recordJson, recordText, typeName } from './wal/print.js'
import type { SegmentView, Verdict } from './wal/segments.js'
import { exitDamaged, exitUnreadable, segmentsOf, Verifier } from './wal/segments.js'

interface DumpFlags {
  readonly from?: number
  readonly to?: number
  readonly data?: boolean
  readonly output: 'text' | 'json'
}

export function define(command: Command): void {
  const output = () =>
    new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text')
  command.enablePositionalOptions()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads has seen enough, as in `raftsman wal dump … | head`.
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  command
    .command('dump')
    .description('every record of a log; as JSON, one object a line')
    .argument('<directory>', 'of the log, with its .wal files')
    .option('--from <index>', 'only records with entries from this one on', index('--from'))
    .option('--to <index>', 'only records with entries up to this one', index('--to'))
    .option('--data', 'every entry and what it holds')
    .addOption(output())
    .action(dump)
  command
    .command('verify')
    .description('whether a log is whole; exit code 0 good, 1 damaged, 2 cannot be read')
    .argument('<directory>', 'of the log, with its .wal files')
    .addOption(output())
    .action(verify)
}

function index(flag: string): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new UserError(`${flag} takes the index of an entry, not "${text}".`, exitUnreadable)
    return value
  }
}

function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
}

function isWanted(record: LogRecord, { from, to }: DumpFlags): boolean {
  if (from === undefined && to === undefined) return true
  if (record.type !== recordType.entries) return false
  const { first, last } = entryRange(record)
  return last >= (from ?? 0) && first <= (to ?? Number.MAX_SAFE_INTEGER)
}

function dump(directory: string, flags: DumpFlags): void {
  let isFirst = true
  for (const { segment } of segmentsOf(directory)) {
    if (flags.output === 'json') dumpJson(segment, flags)
    else {
      const lines = dumpLines(segment, flags)
      if (lines.length === 0) continue
      print(isFirst ? lines : ['', ...lines])
      isFirst = false
    }
  }
}

function dumpJson(segment: SegmentView, flags: DumpFlags): void {
  const { name, fileBytes, examined, leftBehind, unfinishedBytes } = segment
  const { header, used } = examined
  const head = { segment: name, fileBytes, usedBytes: used, header, leftBehind, unfinishedBytes }
  print([JSON.stringify(head)])
  for (const { offset, record } of segment.records)
    if (isWanted(record, flags)) {
      const { durable, end } = record
      const place = { segment: name, offset, type: typeName(record), bytes: end - offset, durable }
      const fields = sensible(() => recordJson(record, flags.data ?? false), {})
      print([JSON.stringify({ ...place, ...fields })])
    }
  for (const { from, to } of segment.bad)
    print([JSON.stringify({ segment: name, offset: from, type: 'unreadable', bytes: to - from })])
}

/** A damaged log may hold records that were never written so. */
function sensible<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadPayload) return otherwise
    throw error
  }
}

/** None when nothing in it was asked for. */
function dumpLines(segment: SegmentView, flags: DumpFlags): string[] {
  const { header, used } = segment.examined
  const out = [`${segment.name}: ${used} of ${segment.fileBytes} bytes in use`]
  if (header !== null)
    out.push(
      `  format ${header.version}, cluster ${header.clusterId}, node ${header.nodeId}, ` +
        `next entry ${header.nextIndex}`,
    )
  if (segment.leftBehind) out.push('  replaced by a repair; nothing of it counts')
  const places = [
    ...segment.records.map(({ offset, record }) => ({ offset, record })),
    ...segment.bad.map(({ from, to }) => ({ offset: from, bytes: to - from })),
  ].sort((a, b) => a.offset - b.offset)
  const rows = [['  OFFSET', 'BYTES', 'DURABLE', 'RECORD', '']]
  const details: (readonly string[])[] = [[]]
  for (const place of places) {
    if (!('record' in place)) {
      rows.push([`  ${place.offset}`, String(place.bytes), '', 'unreadable', ''])
      details.push([])
    } else if (isWanted(place.record, flags)) {
      rows.push(rowOf(place.offset, place.record, segment))
      details.push(flags.data === true ? dataOf(place.record, flags) : [])
    }
  }
  const asked = flags.from !== undefined || flags.to !== undefined
  if (rows.length === 1 && asked) return []
  const lines = aligned(rows, new Set([0, 1, 2]))
  for (const [at, row] of lines.entries()) out.push(...row, ...(details[at] ?? []))
  if (segment.unfinishedBytes > 0)
    out.push(`  ${segment.unfinishedBytes} bytes of a write that is unfinished`)
  return out
}

function rowOf(offset: number, record: LogRecord, segment: SegmentView): string[] {
  const text = sensible(() => recordText(record, segment), 'makes no sense')
  const { durable, end } = record
  return [`  ${offset}`, String(end - offset), String(durable), typeName(record), text]
}

function dataOf(record: LogRecord, { from = 0, to = Number.MAX_SAFE_INTEGER }: DumpFlags) {
  if (record.type !== recordType.entries) return []
  return sensible(() => readEntries(record.payload), []).flatMap(entry =>
    entry.index >= from && entry.index <= to ? entryLines(entry) : [],
  )
}

function verify(directory: string, { output }: { readonly output: 'text' | 'json' }): void {
  const verifier = new Verifier()
  const verdicts: Verdict[] = []
  for (const { segment, next } of segmentsOf(directory)) {
    const verdict = segment.leftBehind ? { segment, damage: [] } : verifier.judge(segment, next)
    // The records are views of the whole segment, and are not needed any more.
    verdicts.push({ ...verdict, segment: { ...segment, records: [] } })
  }
  const missing = verifier.finish()
  const state = verifier.isDamaged ? null : verifier.replay.finish()
  if (output === 'json')
    print([
      JSON.stringify({
        verdict: verifier.isDamaged ? 'damaged' : 'good',
        segments: verdicts.map(({ segment, damage }) => ({
          name: segment.name,
          usedBytes: segment.examined.used,
          unfinishedBytes: segment.unfinishedBytes,
          verdict: verdictText(segment, damage),
          damage,
        })),
        missing,
        start: state?.snapshot ?? null,
        lastIndex: state === null ? null : verifier.replay.lastIndex,
        hardState: state?.hardState ?? null,
        awaitingRepair: state?.damaged ?? null,
      }),
    ])
  else {
    const rows = verdicts.map(({ segment, damage }) => [
      segment.name,
      String(segment.examined.used),
      [verdictText(segment, damage), ...damage].join('; '),
    ])
    print(aligned([['SEGMENT', 'BYTES', 'VERDICT'], ...rows], new Set([1])).flat())
    print(['', ...summary(verifier, missing)])
  }
  process.exitCode = verifier.isDamaged ? exitDamaged : 0
}

function verdictText(segment: SegmentView, damage: readonly string[]): string {
  if (segment.leftBehind) return 'replaced by a repair'
  if (damage.length > 0) return 'damaged'
  return segment.unfinishedBytes > 0
    ? `good, then ${segment.unfinishedBytes} bytes of an unfinished write`
    : 'good'
}

function summary(verifier: Verifier, missing: string | null): string[] {
  if (missing !== null) return [missing]
  const state = verifier.isDamaged ? null : verifier.replay.finish()
  if (state === null) return ['The log is damaged. A member with peers repairs it when it starts.']
  const { hardState, snapshot, damaged } = state
  const { lastIndex } = verifier.replay
  const held =
    lastIndex === snapshot.index
      ? `no entries behind ${snapshot.index}`
      : `entries ${snapshot.index + 1} to ${lastIndex}`
  const vote = hardState.vote === 0 ? 'no vote' : `vote for ${hardState.vote}`
  return [
    `The log is good: ${held}, term ${hardState.term}, ${vote}, commit ${hardState.commit}.`,
    ...(damaged === null ? [] : [`It waits for entries up to ${damaged.floor} from its peers.`]),
  ]
}
