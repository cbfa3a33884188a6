// The first frames of a plain HTTP/2 connection, up to its first call. etcdctl 3.4 names the whole URL of
// an endpoint in its first call, `:authority: http://10.0.0.1:2379`, which HTTP/2 does not allow and node:http2
// answers with a closed connection; a server in Go takes it. So the slashes are taken out before node:http2
// sees them. Nobody here looks at an authority.
//
//   client: preface SETTINGS ────────────> looked at, kept
//           <──────────────────── SETTINGS  so that a client that waits for them goes on
//           SETTINGS(ack) ───────────────> dropped: node:http2 sends its own, and waits for its own answer
//           HEADERS ─────────────────────> mended; all that was kept goes to node:http2
//
// The text keeps its length, for both ends reckon the size of it in their tables of header fields. Pure.

import { readHeaderText } from './hpack-text.js'

const prefaceBytes = 24
const frameHeadBytes = 9
/** What a frame may be before anything else was agreed upon. */
const frameBytesMax = 16_384
/** More than a client may send that has not been told of larger windows. */
const greetingBytesMax = 256 * 1024
const type = { headers: 1, settings: 4, ping: 6 } as const
const flag = { ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const
/** Of the static table of header fields. */
const authorityIndex = 1

export type GreetingStep =
  /** `send` is to be sent; more has to come. */
  | { readonly kind: 'waits'; readonly send: Buffer | null }
  /** `bytes` take the place of all that has come. */
  | { readonly kind: 'over'; readonly bytes: Buffer }
  | { readonly kind: 'refused'; readonly reason: string }

export class Http2Greeting {
  readonly #kept: Buffer[] = []
  /** Not understood yet. */
  #rest: Buffer = Buffer.alloc(0)
  #total = 0
  #begun = false
  #settings = false
  #greeted = false
  #acknowledged = false
  #called = false

  /** Nothing is missing but the first call: it may be given up waiting for that. */
  get settled(): boolean {
    return this.#greeted && this.#acknowledged
  }

  /** What has come so far, for who gives up waiting. */
  bytes(): Buffer {
    return Buffer.concat([...this.#kept, this.#rest])
  }

  push(chunk: Buffer): GreetingStep {
    this.#total += chunk.length
    this.#rest = Buffer.concat([this.#rest, chunk])
    const answers: Buffer[] = []
    if (!this.#readFrames(answers)) return { kind: 'refused', reason: 'a frame is too long' }
    if (this.#isOver) return { kind: 'over', bytes: this.bytes() }
    if (this.#total > greetingBytesMax)
      return { kind: 'refused', reason: 'too much for a greeting' }
    if (this.#settings && !this.#greeted && !this.#called) {
      this.#greeted = true
      answers.push(frameOf(type.settings, 0, Buffer.alloc(0)))
    }
    return { kind: 'waits', send: answers.length === 0 ? null : Buffer.concat(answers) }
  }

  /** What else comes is not looked at. */
  get #isOver(): boolean {
    return this.#called && (!this.#greeted || this.#acknowledged)
  }

  /** False when one cannot be. */
  #readFrames(answers: Buffer[]): boolean {
    if (!this.#begun) {
      if (this.#rest.length < prefaceBytes) return true
      this.#begun = true
      this.#keep(prefaceBytes)
    }
    while (this.#rest.length >= frameHeadBytes && !this.#isOver) {
      const length = this.#rest.readUIntBE(0, 3)
      if (length > frameBytesMax) return false
      if (this.#rest.length < frameHeadBytes + length) return true
      this.#frame(frameHeadBytes + length, answers)
    }
    return true
  }

  #frame(length: number, answers: Buffer[]): void {
    const frame = this.#rest.subarray(0, length)
    const [kind, flags] = [frame[3], frame[4] ?? 0]
    const isAck = (flags & flag.ack) !== 0
    if (kind === type.settings && !isAck) this.#settings = true
    if (kind === type.settings && isAck && this.#greeted && !this.#acknowledged) {
      this.#acknowledged = true
      this.#rest = this.#rest.subarray(length)
    } else if (kind === type.ping && !isAck && this.#greeted && !this.#called) {
      answers.push(frameOf(type.ping, flag.ack, frame.subarray(frameHeadBytes)))
      this.#rest = this.#rest.subarray(length)
    } else if (kind === type.headers && !this.#called) {
      this.#called = true
      this.#kept.push(mended(frame))
      this.#rest = this.#rest.subarray(length)
    } else this.#keep(length)
  }

  #keep(length: number): void {
    this.#kept.push(this.#rest.subarray(0, length))
    this.#rest = this.#rest.subarray(length)
  }
}

function frameOf(kind: number, flags: number, payload: Buffer, stream = 0): Buffer {
  const head = Buffer.alloc(frameHeadBytes)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = kind
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** The same frame with an authority that is none of a URL. What is not understood stays as it is. */
function mended(frame: Buffer): Buffer {
  const flags = frame[4] ?? 0
  if ((flags & flag.endHeaders) === 0) return frame
  const payload = frame.subarray(frameHeadBytes)
  const padding = (flags & flag.padded) === 0 ? 0 : (payload[0] ?? 0)
  const start = ((flags & flag.padded) === 0 ? 0 : 1) + ((flags & flag.priority) === 0 ? 0 : 5)
  const end = payload.length - padding
  if (end < start) return frame
  const block = payload.subarray(start, end)
  const found = authorityOf(block)
  if (found === null || !found.text.includes('/')) return frame
  const text = Buffer.from(found.text.replaceAll('/', '-'), 'latin1')
  const whole = Buffer.concat([
    payload.subarray(0, start),
    block.subarray(0, found.from),
    lengthOf(text),
    text,
    block.subarray(found.to),
    payload.subarray(end),
  ])
  return frameOf(type.headers, flags, whole, frame.readUInt32BE(5))
}

/** Seven bits and a first one of zero: the text follows as it is. */
function lengthOf({ length }: Buffer): Buffer {
  const most = 127
  if (length < most) return Buffer.from([length])
  const bytes = [most]
  let rest = length - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

interface FoundText {
  readonly text: string
  /** Where it stands, its length included. */
  readonly from: number
  readonly to: number
}

function authorityOf(block: Buffer): FoundText | null {
  let at = 0
  const integer = (bits: number): number | null => {
    const most = 2 ** bits - 1
    let value = (block[at++] ?? 0) & most
    if (value < most) return value
    for (let scale = 1; scale < 2 ** 28; scale *= 128) {
      const next = block[at++]
      if (next === undefined) return null
      value += (next & 127) * scale
      if (next < 128) return value
    }
    return null
  }
  const text = (): FoundText | null => {
    const from = at
    const encoded = ((block[at] ?? 0) & 128) !== 0
    const length = integer(7)
    if (length === null || at + length > block.length) return null
    const bytes = block.subarray(at, at + length)
    at += length
    const read = encoded ? readHeaderText(bytes) : bytes.toString('latin1')
    return { text: read ?? '', from, to: at }
  }
  while (at < block.length) {
    const first = block[at] ?? 0
    const isIndexed = first >= 128
    const isSize = first >= 32 && first < 64
    const name = integer(isIndexed ? 7 : first >= 64 ? 6 : isSize ? 5 : 4)
    if (name === null) return null
    if (isIndexed || isSize) continue
    if (name === 0 && text() === null) return null
    const value = text()
    if (value === null || name === authorityIndex) return value
  }
  return null
}
