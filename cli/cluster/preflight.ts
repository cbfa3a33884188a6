// What would make a start fail, found before anything is started, each as one sentence.

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { historyMsUsual } from '../span.js'
import { UserError } from '../user-error.js'
import { addressesOf, type ClusterOptions, type ClusterPlan, type Layout } from './layout.js'

/** Preallocated log segments and certificates of three masters need less than this. */
const freeBytesMin = 512 * 1024 * 1024

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

function probe(address: string): Promise<string | null> {
  const colon = address.lastIndexOf(':')
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon), () => {
      server.close(() => resolve(null))
    })
  })
}

/** Rejects with the first address that is taken. */
export async function checkAddresses(plan: ClusterPlan): Promise<void> {
  for (const { address, purpose } of addressesOf(plan)) {
    const failure = await probe(address)
    if (failure === null) continue
    const reason =
      failure === 'EADDRINUSE' ? 'is in use by another program' : `cannot be bound (${failure})`
    throw new UserError(
      `${address}, wanted for ${purpose}, ${reason}. Choose other ports with --port-offset, for example --port-offset 100.`,
    )
  }
}

/** Makes the data directory and rejects when it cannot be used. */
export function checkDirectory(layout: Layout): void {
  try {
    mkdirSync(layout.directory, { recursive: true, mode: 0o700 })
    mkdirSync(layout.logs, { recursive: true, mode: 0o700 })
    mkdirSync(layout.run, { recursive: true, mode: 0o700 })
    accessSync(layout.directory, constants.W_OK)
  } catch (error) {
    throw new UserError(
      `The data directory ${layout.directory} cannot be used (${messageOf(error)}). Name another with --data-dir.`,
    )
  }
  const { bavail, bsize } = statfsSync(layout.directory)
  const freeBytes = bavail * bsize
  if (freeBytes < freeBytesMin) {
    const mebibytes = Math.floor(freeBytes / 1024 / 1024)
    throw new UserError(
      `The disk of ${layout.directory} has ${mebibytes} MiB left; a cluster needs 512 MiB to start. Make room or name another place with --data-dir.`,
    )
  }
}

interface Remembered {
  readonly masters: number
  readonly nodes: number
  readonly portOffset: number
  /** Undefined where it was started by a version that knew of none. */
  readonly historyMs: number | null | undefined
}

function readRemembered(path: string): Remembered | null {
  if (!existsSync(path)) return null
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value !== 'object' || value === null) return null
    const { masters, nodes, portOffset, historyMs } = value as Record<string, unknown>
    if (typeof masters !== 'number' || typeof nodes !== 'number' || typeof portOffset !== 'number')
      return null
    const isHistory = typeof historyMs === 'number' || historyMs === null
    return { masters, nodes, portOffset, historyMs: isHistory ? historyMs : undefined }
  } catch {
    return null
  }
}

export interface AskedOptions {
  readonly masters: number | undefined
  readonly nodes: number | undefined
  readonly portOffset: number | undefined
  readonly storeTls: boolean
  readonly historyMs: number | null | undefined
}

/**
 * What was asked for now, completed by what this data directory was started with before. The number
 * of masters of existing data is fixed: members come and go one by one, not by a flag.
 */
export function settleOptions(layout: Layout, asked: AskedOptions): ClusterOptions {
  const remembered = readRemembered(layout.clusterFile)
  if (remembered !== null && asked.masters !== undefined && asked.masters !== remembered.masters) {
    throw new UserError(
      `${layout.directory} holds a cluster of ${remembered.masters} masters, not ${asked.masters}. Start it as it is, or take another --data-dir, or remove it with \`raftsman down --purge\`.`,
    )
  }
  const histories = [asked.historyMs, remembered?.historyMs, historyMsUsual]
  return {
    masters: asked.masters ?? remembered?.masters ?? 3,
    nodes: asked.nodes ?? remembered?.nodes ?? 2,
    portOffset: asked.portOffset ?? remembered?.portOffset ?? 0,
    storeTls: asked.storeTls,
    historyMs: histories.find(ms => ms !== undefined) ?? null,
  }
}

export function rememberOptions(layout: Layout, options: ClusterOptions): void {
  const { masters, nodes, portOffset, storeTls, historyMs } = options
  const content = JSON.stringify({ masters, nodes, portOffset, storeTls, historyMs }, null, 2)
  writeFileSync(layout.clusterFile, `${content}\n`, { mode: 0o600 })
}
