// The write-ahead log alone, on this machine's disk: how many records a second a number of waiting
// writers get durable, each with one under way, and how long a start takes over a large log. Before and
// after it, in the same run, the bare disk: as many bytes as all writers together, written over one
// preallocated file and synced, one write at a time. No log with one datasync a turn can be faster.
// Run after a build, with a directory that is on a real disk (not tmpfs):
//   node dist/bench/raft/log.js [seconds] [writers] [bytes] [directory]
//   node dist/bench/raft/log.js --recovery [MiB] [bytes] [directory]

import { mkdtempSync, rmSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../../platform/errors.js'
import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import type { Entry } from '../../raft/core/types.js'
import { logIndex, nodeId, term } from '../../raft/core/types.js'
import type { Recovered } from '../../raft/storage/log.js'
import { RaftLog, segmentBytesUsual } from '../../raft/storage/log.js'

const warmUpSeconds = 1
const cachedBytesMax = 64 * 1024 * 1024
/** About what a record needs beside its data. */
const recordBytesBeside = 32
const bareBytes = 64 * 1024 * 1024
/** Entries of one write when a log is filled. */
const fillEntries = 512

function open(
  directory: string,
  appliedIndex: number,
): Promise<{ readonly log: RaftLog; readonly recovered: Recovered }> {
  return new Promise((resolve, reject) => {
    RaftLog.open(
      {
        directory,
        clusterId: 1,
        nodeId: nodeId(1),
        segmentBytes: segmentBytesUsual,
        ...quietPlatform(),
        cachedBytesMax,
        appliedIndex: logIndex(appliedIndex),
        onFatal: reject,
      },
      (error, log, recovered) => {
        if (error !== null) reject(error)
        else resolve({ log: must(log, 'a log'), recovered: must(recovered, 'a recovery') })
      },
    )
  })
}

function entry(index: number, bytes: number): Entry {
  return {
    term: term(1),
    index: logIndex(index),
    kind: 'normal',
    origin: nodeId(1),
    sequence: index,
    data: new Uint8Array(bytes).fill(index & 0xff),
  }
}

const round = (value: number, digits = 0): number => Number(value.toFixed(digits))

/** Records a second that the bare disk takes when every datasync covers one of each writer. */
async function bareDisk(
  directory: string,
  seconds: number,
  writers: number,
  bytes: number,
): Promise<number> {
  const file = await openFile(join(directory, 'bare'), 'w+')
  try {
    const round = new Uint8Array(writers * (bytes + recordBytesBeside)).fill(7)
    await file.write(new Uint8Array(bareBytes), 0, bareBytes, 0)
    await file.sync()
    const started = performance.now()
    let rounds = 0
    for (let position = 0; performance.now() - started < seconds * 1000; rounds += 1) {
      if (position + round.length > bareBytes) position = 0
      await file.write(round, 0, round.length, position)
      await file.datasync()
      position += round.length
    }
    return (rounds * writers * 1000) / (performance.now() - started)
  } finally {
    await file.close()
  }
}

/** Every writer waits until its record is durable, then writes the next. */
async function writing(
  directory: string,
  seconds: number,
  writers: number,
  bytes: number,
): Promise<object> {
  const bareBefore = await bareDisk(directory, seconds / 2, writers, bytes)
  const { log } = await open(directory, 0)
  const data = new Uint8Array(bytes).fill(7)
  const latencies: number[] = []
  const begin = performance.now() + warmUpSeconds * 1000
  const end = begin + seconds * 1000
  let next = 1
  let cpu = process.cpuUsage()
  setTimeout(() => {
    cpu = process.cpuUsage()
  }, warmUpSeconds * 1000)
  await new Promise<void>(resolve => {
    let waiting = writers
    const write = (): void => {
      const started = performance.now()
      if (started >= end) {
        waiting -= 1
        if (waiting === 0) resolve()
        return
      }
      const index = next
      next += 1
      log.append(
        {
          entries: [{ ...entry(index, 0), data }],
          hardState: null,
          snapshot: null,
          mustSync: true,
        },
        () => {
          const now = performance.now()
          if (now >= begin && now < end) latencies.push(now - started)
          write()
        },
      )
      if (index % 100_000 === 0) compact(log, index - 50_000)
    }
    for (let at = 0; at < writers; at += 1) write()
  })
  const { user, system } = process.cpuUsage(cpu)
  await new Promise<void>(resolve => {
    log.close(resolve)
  })
  const bare = (bareBefore + (await bareDisk(directory, seconds / 2, writers, bytes))) / 2
  const recordsPerSecond = latencies.length / seconds
  latencies.sort((a, b) => a - b)
  const at = (share: number) => round(latencies[Math.floor(latencies.length * share)] ?? 0, 2)
  return {
    measured: 'log-writes',
    writers,
    bytes,
    recordsPerSecond: round(recordsPerSecond),
    bareDiskRecordsPerSecond: round(bare),
    ratio: round(recordsPerSecond / bare, 2),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: round(latencies.at(-1) ?? 0, 2),
    cores: round((user + system) / 1e6 / seconds, 2),
  }
}

const members = { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] }

/** As a state machine allows it that keeps up: old segments are removed while new ones are written. */
function compact(log: RaftLog, index: number): void {
  log.compact({ index: logIndex(index), term: term(1), confState: members })
}

async function recovery(directory: string, mebibytes: number, bytes: number): Promise<object> {
  const { log } = await open(directory, 0)
  const count = Math.floor((mebibytes * 1024 * 1024) / (bytes + 32))
  for (let index = 1; index <= count; index += fillEntries) {
    const entries = Array.from({ length: Math.min(fillEntries, count - index + 1) }, (_, at) =>
      entry(index + at, bytes),
    )
    await new Promise<void>(resolve => {
      log.append({ entries, hardState: null, snapshot: null, mustSync: false }, resolve)
    })
  }
  await new Promise<void>(resolve => {
    log.append(
      {
        entries: [],
        hardState: { term: term(1), vote: nodeId(1), commit: logIndex(count) },
        snapshot: null,
        mustSync: true,
      },
      resolve,
    )
  })
  await new Promise<void>(resolve => {
    log.close(resolve)
  })
  const started = performance.now()
  const again = await open(directory, count)
  const seconds = (performance.now() - started) / 1000
  const { rss } = process.memoryUsage()
  const { lastIndex, entries } = again.recovered
  await new Promise<void>(resolve => {
    again.log.close(resolve)
  })
  return {
    measured: 'log-recovery',
    mebibytes,
    bytes,
    entries: lastIndex,
    inMemory: entries.length,
    seconds: round(seconds, 2),
    rssBytes: rss,
  }
}

async function main(): Promise<void> {
  const isRecovery = process.argv[2] === '--recovery'
  const words = process.argv.slice(isRecovery ? 3 : 2)
  const numbers = words.filter(word => /^\d+$/.test(word)).map(Number)
  const parent = words.find(word => !/^\d+$/.test(word)) ?? process.cwd()
  const directory = mkdtempSync(join(parent, '.raftsman-bench-log-'))
  try {
    const [seconds = 5, writers = 100, bytes = 300] = numbers
    const [mebibytes = 1024, entryBytes = 300] = numbers
    const result = isRecovery
      ? await recovery(directory, mebibytes, entryBytes)
      : await writing(directory, seconds, writers, bytes)
    process.stdout.write(`${JSON.stringify(result)}\n`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

await main()
