// Reads a container's log the way `kubectl logs` asks for it: from the end, since an instant, with
// times, following. Counterpart: the kubelet's ReadLogs. Holds one block of the log at a time.

import type { Files, OpenFile } from '../../../platform/files.js'
import type { LogQuery } from '../runtime.js'
import { decodeLine, logTime } from './log-line.js'

const blockBytes = 64 * 1024
const newline = 0x0a

/** The log of one run as its writer leaves it: files of whole entries, of which the older are not kept for ever. */
export interface LogSource {
  /** Nothing more will be written. */
  readonly complete: boolean
  /** The part that can be read: up to `size` of the newest generation. */
  readonly extent: { readonly generation: number; readonly size: number }
  generationPath(generation: number): string
  /** Resolves with the next growth of the log, or its end, or when `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void>
}

interface Spot {
  readonly generation: number
  readonly offset: number
}

/** The oldest generation that still has a file. */
async function oldestGeneration(log: LogSource, files: Files): Promise<number> {
  const { generation } = log.extent
  if (generation === 0) return 0
  const previous = await files.stat(log.generationPath(generation - 1))
  return previous === null ? generation : generation - 1
}

/** Where the last `lines` entries begin. */
async function tailSpot(log: LogSource, files: Files, lines: number): Promise<Spot> {
  const oldest = await oldestGeneration(log, files)
  const extent = log.extent
  if (lines === 0) return { generation: extent.generation, offset: extent.size }
  let ends = 0
  for (let generation = extent.generation; generation >= oldest; generation -= 1) {
    const file = await files.open(log.generationPath(generation), null)
    try {
      let end = generation === extent.generation ? extent.size : await file.bytes()
      while (end > 0) {
        const from = Math.max(0, end - blockBytes)
        const block = await file.read(from, end - from)
        for (let at = block.length - 1; at >= 0; at -= 1) {
          if (block[at] !== newline) continue
          ends += 1
          if (ends > lines) return { generation, offset: from + at + 1 }
        }
        end = from
      }
    } finally {
      await file.close()
    }
  }
  return { generation: oldest, offset: 0 }
}

/** Turns entries into what a user reads; keeps count of the bytes that may still go out. */
class Renderer {
  private readonly timestamps: boolean
  private readonly sinceMs: number | null
  private readonly since: string
  private left: number
  private atLineStart = true

  constructor(query: LogQuery) {
    this.timestamps = query.timestamps
    this.sinceMs = query.sinceMs
    this.since = query.sinceMs === null ? '' : logTime(query.sinceMs)
    this.left = query.limitBytes ?? Number.POSITIVE_INFINITY
  }

  get full(): boolean {
    return this.left <= 0
  }

  private isTooOld(time: string): boolean {
    if (this.sinceMs === null) return false
    // Of one width they sort as texts; runtimes may write shorter ones, or with an offset.
    if (time.length === this.since.length && time.endsWith('Z')) return time < this.since
    return Date.parse(time) < this.sinceMs
  }

  /** Of a block of whole entries; bytes that are no entry are left out. */
  render(block: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = []
    let at = 0
    while (at < block.length) {
      const end = block.indexOf(newline, at)
      if (end === -1) break
      const entry = decodeLine(block.subarray(at, end))
      at = end + 1
      if (entry === null || this.isTooOld(entry.time)) continue
      if (this.timestamps && this.atLineStart) pieces.push(Buffer.from(`${entry.time} `))
      pieces.push(entry.text)
      if (entry.whole) pieces.push(Buffer.from('\n'))
      this.atLineStart = entry.whole
    }
    const text = Buffer.concat(pieces)
    const allowed = text.subarray(0, Math.min(text.length, this.left))
    this.left -= allowed.length
    return allowed
  }
}

async function* readGeneration(
  file: OpenFile,
  from: number,
  limit: () => number,
): AsyncGenerator<Uint8Array, number> {
  let offset = from
  for (;;) {
    const length = Math.min(blockBytes, limit() - offset)
    if (length <= 0) return offset
    const block = await file.read(offset, length)
    const whole = block.lastIndexOf(newline) + 1
    // The log only ever grows by whole entries, all shorter than a block.
    if (whole === 0) return offset
    offset += whole
    yield block.subarray(0, whole)
  }
}

/** The log of one run, as `query` wants it. Ends early when `signal` is aborted. */
export async function* readContainerLog(
  log: LogSource,
  files: Files,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const renderer = new Renderer(query)
  const oldest = await oldestGeneration(log, files)
  const spot: Spot =
    query.tailLines === null
      ? { generation: oldest, offset: 0 }
      : await tailSpot(log, files, query.tailLines)
  let { generation, offset } = spot
  for (;;) {
    const file = await files.open(log.generationPath(generation), null)
    try {
      for (;;) {
        const complete = log.complete
        const grown = query.follow ? log.changed(signal) : null
        const closed = generation < log.extent.generation
        const closedSize = closed ? await file.bytes() : 0
        const pieces = readGeneration(file, offset, () => (closed ? closedSize : log.extent.size))
        for await (const block of pieces) {
          offset += block.length
          const text = renderer.render(block)
          if (text.length > 0) yield text
          if (renderer.full || signal.aborted) return
        }
        if (closed) break
        if (generation < log.extent.generation) continue
        if (!query.follow || complete || signal.aborted) return
        await grown
      }
    } finally {
      await file.close()
    }
    generation = Math.max(generation + 1, await oldestGeneration(log, files))
    offset = 0
  }
}
