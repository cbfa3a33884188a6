// JSON for people's eyes: indented where a request asks for it, or comes from a tool that people read.
// Bytes are moved, not parsed: numbers stay as they were written, and a long list costs no tree.
// Counterpart: isPrettyPrint of apiserver/pkg/endpoints/handlers/responsewriters.

import type { RequestHead, ResponseBody } from './exchange.js'

const toolsOfPeople = ['curl', 'Wget', 'Mozilla/5.0']
const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])

/** Read by `kubectl get --raw` more than by programs, and always indented. */
const pagesOfPeople = new Set(['/', '/version'])

/** `pretty` of the query decides; without it, what is asked for, and who asks. */
export function wantsIndents(head: RequestHead): boolean {
  const [path = '', query] = head.url.split('?', 2)
  if (pagesOfPeople.has(path)) return true
  const asked = new URLSearchParams(query).get('pretty')
  if (asked) return truths.has(asked)
  const agent = head.headers.get('user-agent') ?? ''
  return toolsOfPeople.some(tool => agent.startsWith(tool))
}

/** Streams are left as they are: an event a line. */
export function indented(body: ResponseBody): ResponseBody {
  if (body.kind === 'bytes') return { kind: 'pieces', pieces: indentedPieces(body.chunks) }
  if (body.kind === 'pieces') return { kind: 'pieces', pieces: indentedPieces(body.pieces) }
  return body
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const opening = new Set([0x7b, 0x5b])
const closing = new Set([0x7d, 0x5d])
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d])

/** Bytes taken in one step, so that a step stays short. */
const stepBytes = 64 * 1024

/** `pieces` together are one JSON document; so is what comes out, two spaces a level. */
export function* indentedPieces(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  const indenter = new Indenter()
  for (const piece of pieces) {
    if (piece.length === 0) yield piece
    for (let at = 0; at < piece.length; at += stepBytes) {
      yield indenter.take(piece.subarray(at, at + stepBytes))
    }
  }
}

class Indenter {
  private depth = 0
  private inString = false
  private escaped = false
  /** An object or list was opened and nothing has come since: it may be empty. */
  private opened = false
  private out = Buffer.alloc(2 * stepBytes)
  private length = 0

  take(piece: Uint8Array): Uint8Array {
    this.length = 0
    for (const byte of piece) {
      if (this.inString) this.inside(byte)
      else this.outside(byte)
    }
    return Buffer.from(this.out.subarray(0, this.length))
  }

  private inside(byte: number): void {
    this.put(byte)
    if (this.escaped) this.escaped = false
    else if (byte === backslash) this.escaped = true
    else if (byte === quote) this.inString = false
  }

  private outside(byte: number): void {
    if (spaces.has(byte)) return
    if (closing.has(byte)) {
      this.depth -= 1
      if (this.opened) this.opened = false
      else this.newLine()
      this.put(byte)
      return
    }
    if (this.opened) {
      this.opened = false
      this.newLine()
    }
    this.put(byte)
    if (opening.has(byte)) {
      this.depth += 1
      this.opened = true
    } else if (byte === comma) this.newLine()
    else if (byte === colon) this.put(0x20)
    else if (byte === quote) this.inString = true
  }

  private newLine(): void {
    this.put(0x0a)
    for (let at = 0; at < 2 * this.depth; at += 1) this.put(0x20)
  }

  private put(byte: number): void {
    if (this.length === this.out.length) {
      this.out = Buffer.concat([this.out], 2 * this.out.length)
    }
    this.out[this.length] = byte
    this.length += 1
  }
}
