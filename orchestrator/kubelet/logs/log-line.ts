// Log lines in the format of the CRI: "<RFC 3339 with nanoseconds> <stdout|stderr> <P|F> <text>".
// F ends a line, P says that the line goes on. Pure: bytes in, bytes out.

export type LogStream = 'stdout' | 'stderr'

/** A line longer than this is written in parts. */
export const linePartBytesMax = 16 * 1024

const newline = 0x0a

export interface Encoded {
  /** What to append to the log. */
  readonly bytes: Uint8Array
  /** How much of the input that covers; the rest is a line that has not ended. */
  readonly consumed: number
}

/** "2026-01-02T03:04:05.678000000Z"; sorts as text and has one width. */
export function logTime(atMs: number): string {
  const whole = Math.floor(atMs)
  const microseconds = Math.floor((atMs - whole) * 1000)
  const head = new Date(whole).toISOString().slice(0, -1)
  return `${head}${String(microseconds).padStart(3, '0')}000Z`
}

/** With `last` nothing follows: an unfinished line is written too, as a part. */
export function encodeLines(
  raw: Uint8Array,
  stream: LogStream,
  atMs: number,
  last: boolean,
): Encoded {
  const time = logTime(atMs)
  const full = Buffer.from(`${time} ${stream} F `)
  const part = Buffer.from(`${time} ${stream} P `)
  const end = Buffer.from('\n')
  const pieces: Uint8Array[] = []
  let at = 0
  while (at < raw.length) {
    const found = raw.indexOf(newline, at)
    if (found !== -1 && found - at <= linePartBytesMax) {
      pieces.push(full, raw.subarray(at, found), end)
      at = found + 1
    } else if (raw.length - at > linePartBytesMax) {
      pieces.push(part, raw.subarray(at, at + linePartBytesMax), end)
      at += linePartBytesMax
    } else {
      if (!last) break
      pieces.push(part, raw.subarray(at), end)
      at = raw.length
    }
  }
  return { bytes: Buffer.concat(pieces), consumed: at }
}

export interface LogEntry {
  readonly time: string
  readonly stream: string
  /** False for a part that the next entry of the stream continues. */
  readonly whole: boolean
  readonly text: Uint8Array
}

/** Null for bytes that are no entry; `line` is without its newline. */
export function decodeLine(line: Uint8Array): LogEntry | null {
  const space = 0x20
  const first = line.indexOf(space)
  const second = line.indexOf(space, first + 1)
  if (first <= 0 || second < 0 || line[second + 2] !== space) return null
  const tag = line[second + 1]
  if (tag !== 0x46 && tag !== 0x50) return null
  const head = Buffer.from(line.buffer, line.byteOffset, second)
  return {
    time: head.toString('latin1', 0, first),
    stream: head.toString('latin1', first + 1, second),
    whole: tag === 0x46,
    text: line.subarray(second + 3),
  }
}
