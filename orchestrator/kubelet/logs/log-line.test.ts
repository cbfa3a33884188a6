import { array, assert, constantFrom, integer, nat, property, record, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeLine, encodeLines, linePartBytesMax, logTime } from './log-line.js'

const atMs = Date.UTC(2026, 0, 2, 3, 4, 5) + 678.25

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** What a reader sees of encoded lines. */
function decodeAll(encoded: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = []
  let at = 0
  while (at < encoded.length) {
    const end = encoded.indexOf(0x0a, at)
    const entry = decodeLine(encoded.subarray(at, end))
    if (entry === null) throw new Error('not an entry')
    pieces.push(entry.text)
    if (entry.whole) pieces.push(Buffer.from('\n'))
    at = end + 1
  }
  return Buffer.concat(pieces)
}

describe('log lines', () => {
  it('carry time, stream and whether they are whole', () => {
    const { bytes, consumed } = encodeLines(Buffer.from('one\n\ntwo'), 'stderr', atMs, false)
    const time = '2026-01-02T03:04:05.678250000Z'
    expect(text(bytes)).toBe(`${time} stderr F one\n${time} stderr F \n`)
    expect(consumed).toBe(5)
    expect(text(encodeLines(Buffer.from('two'), 'stdout', atMs, true).bytes)).toBe(
      `${time} stdout P two\n`,
    )
  })

  it('have times of one width that sort as they passed', () => {
    const times = [0, 1, 999.999, 1000, Date.UTC(2026, 11, 31)].map(logTime)
    expect([...times].sort()).toEqual(times)
    expect(new Set(times.map(({ length }) => length))).toEqual(new Set([30]))
  })

  it('are cut in parts when they are long', () => {
    const long = Buffer.alloc(linePartBytesMax * 2 + 10, 'x')
    const { bytes } = encodeLines(Buffer.concat([long, Buffer.from('\n')]), 'stdout', atMs, false)
    expect(text(bytes).match(/ [PF] /g)).toEqual([' P ', ' P ', ' F '])
    expect(text(decodeAll(bytes))).toBe(`${long.toString('latin1')}\n`)
  })

  it('give back exactly what was written, however it was cut when it was read', () => {
    const piece = uint8Array({ maxLength: 40 })
    const chunks = array(record({ piece, repeat: integer({ min: 1, max: 900 }), end: nat(1) }))
    assert(
      property(chunks, constantFrom('stdout' as const, 'stderr' as const), (parts, stream) => {
        const raw = Buffer.concat(
          parts.flatMap(({ piece, repeat, end }) => [
            ...Array.from({ length: repeat }, () => piece),
            Buffer.from(end === 1 ? '\n' : ''),
          ]),
        )
        const written: Uint8Array[] = []
        let at = 0
        while (at < raw.length) {
          const until = Math.min(raw.length, at + 64 * 1024)
          const last = until === raw.length
          const { bytes, consumed } = encodeLines(raw.subarray(at, until), stream, atMs, last)
          expect(consumed).toBeGreaterThan(0)
          written.push(bytes)
          at += consumed
        }
        expect(Buffer.compare(decodeAll(Buffer.concat(written)), raw)).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it.each(['', 'x', '2026 stdout', '2026 stdout X text', '2026 stdout Ftext', ' stdout F x'])(
    'are told from other bytes: %j is none',
    line => {
      expect(decodeLine(Buffer.from(line))).toBeNull()
    },
  )
})
