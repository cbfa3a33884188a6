import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestHead } from './exchange.js'
import { indentedPieces, wantsIndents } from './indenting.js'

const utf8 = (text: string) => new TextEncoder().encode(text)
const indentedText = (...pieces: readonly Uint8Array[]) =>
  Buffer.concat([...indentedPieces(pieces)]).toString()

describe('JSON for eyes', () => {
  it.each([
    ['/api', 'kubectl/v1.32.0', false],
    ['/api', 'curl/8.0', true],
    ['/api', 'Wget/1.21', true],
    ['/api', 'Mozilla/5.0 (X11; Linux x86_64)', true],
    ['/api', '', false],
    ['/api?pretty=true', 'kubectl/v1.32.0', true],
    ['/api?limit=1&pretty=1', '', true],
    ['/api?pretty=false', 'curl/8.0', false],
    ['/api?pretty=0', 'curl/8.0', false],
    ['/api?pretty=nonsense', 'curl/8.0', false],
    ['/api?pretty=', 'curl/8.0', true],
    ['/', 'kubectl/v1.32.0', true],
    ['/version?timeout=32s', 'kubectl/v1.32.0', true],
  ])('%s of %s: %s', (url, agent, expected) => {
    const headers = new Map(agent === '' ? [] : [['user-agent', agent]])
    const head: RequestHead = { method: 'GET', url, headers, peer: null, remote: '' }
    expect(wantsIndents(head)).toBe(expected)
  })

  it('leaves numbers as they were written', () => {
    expect(indentedText(utf8('{"a":9223372036854775807,"b":1e400,"c":1.10}'))).toBe(
      '{\n  "a": 9223372036854775807,\n  "b": 1e400,\n  "c": 1.10\n}',
    )
  })

  it('is what JSON.stringify makes, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (value, bytes, spaced) => {
          const all = utf8(JSON.stringify(value, null, spaced ? '\t' : ''))
          const pieces: Uint8Array[] = []
          for (let at = 0; at < all.length; at += bytes) pieces.push(all.subarray(at, at + bytes))
          expect(indentedText(...pieces)).toBe(JSON.stringify(value, null, 2))
        },
      ),
    )
  })

  it('holds what grows by far more than it was', () => {
    const deep = `${'['.repeat(1_000)}${']'.repeat(1_000)}`
    const wide = JSON.stringify(Array.from({ length: 100_000 }, () => [[]]))
    for (const text of [deep, wide]) {
      expect(indentedText(utf8(text))).toBe(JSON.stringify(JSON.parse(text), null, 2))
    }
  })
})
