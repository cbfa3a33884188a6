// On what a run was made: without it a figure says nothing.

import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { assert } from '../../platform/errors.js'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** Where members keep their data. */
  readonly fileSystem: string
  /** What a write waits for. */
  readonly fsync: string
  /** Runnable processes on average when the run began: above the number of cores, others worked too. */
  readonly loadBefore: number
}

/** By their numbers in statfs(2). */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
  [0xef53, 'ext4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0x2fc1_2fc1, 'zfs'],
  [0x794c_7630, 'overlayfs'],
])

const inMemory: ReadonlySet<string> = new Set(['tmpfs', 'ramfs'])

export function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder)
  return fileSystems.get(type) ?? `0x${type.toString(16)}`
}

/** A sync there costs nothing and saves nothing. */
export const isInMemory = (fileSystem: string): boolean => inMemory.has(fileSystem)

export function machineOf(folder: string): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    fileSystem: fileSystemOf(folder),
    fsync: 'a quorum has synced its log before a write is acknowledged, on both sides',
    loadBefore: loadNow(),
  }
}

function loadNow(): number {
  try {
    return Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0])
  } catch {
    return 0
  }
}

const paceRounds = 200
/** Some 60 KiB. */
const paceText = JSON.stringify(
  Array.from({ length: 1_000 }, (_, at) => ({
    name: `name-${at}`,
    labels: { app: `app-${at % 7}` },
  })),
)

/**
 * Processor time, in ms, of a fixed piece of work: text parsed and written. Virtual machines have neighbours
 * that no load average shows; of two runs whose pace differs, the figures are not to be compared.
 */
export function paceMs(): number {
  const before = process.cpuUsage()
  let length = 0
  for (let round = 0; round < paceRounds; round++) {
    length += JSON.stringify(JSON.parse(paceText)).length
  }
  const { user, system } = process.cpuUsage(before)
  assert(length === paceRounds * paceText.length, 'what is parsed is what was written')
  return (user + system) / 1_000
}
