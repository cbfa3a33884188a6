import { describe, expect, it } from 'vitest'
import { keyRange, parseCompare, parseOperation, parseTxn, prefixEnd, words } from './arguments.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('key ranges', () => {
  it.each([
    ['the end of a prefix is its successor', [97, 98], [97, 99]],
    ['trailing bytes of 255 are dropped', [97, 255], [98]],
    ['a prefix of 255 alone has no end', [255, 255], [0]],
  ])('%s', (_, prefix, end) => {
    expect([...prefixEnd(new Uint8Array(prefix))]).toEqual(end)
  })

  it('leave the prefix as it is, also one in a buffer', () => {
    const prefix = Buffer.from('ab')
    expect(Buffer.from(prefixEnd(prefix)).toString()).toBe('ac')
    expect(prefix.toString()).toBe('ab')
  })

  it('make the empty prefix everything', () => {
    expect(keyRange('', undefined, { prefix: true })).toEqual({
      key: new Uint8Array([0]),
      end: new Uint8Array([0]),
    })
  })

  it('refuse a prefix together with an end', () => {
    expect(() => keyRange('a', 'b', { prefix: true })).toThrow('without --prefix')
  })
})

describe('the transaction language', () => {
  it('splits words and keeps quoted blanks and escapes', () => {
    expect(words(String.raw`put "a key" "line\n\"quoted\""  x`)).toEqual([
      'put',
      'a key',
      'line\n"quoted"',
      'x',
    ])
  })

  it('says which line holds an open quote', () => {
    expect(() => words('put a "b')).toThrow('not closed')
  })

  it.each([
    ['mod("k") > "3"', { key: bytes('k'), result: 'greater', target: 'mod', modRevision: 3 }],
    ['value("k") = "v"', { key: bytes('k'), result: 'equal', target: 'value', value: bytes('v') }],
    [
      'create("k") != "0"',
      { key: bytes('k'), result: 'notEqual', target: 'create', createRevision: 0 },
    ],
    ['version(k) < 2', { key: bytes('k'), result: 'less', target: 'version', version: 2 }],
  ])('reads the comparison %s', (line, expected) => {
    expect(parseCompare(line)).toEqual(expected)
  })

  it.each(['mod("k")', 'size("k") = "1"', 'mod("k") = "x"'])('refuses the comparison %s', line => {
    expect(() => parseCompare(line)).toThrow()
  })

  it.each(['put a', 'move a b', 'get'])('refuses the operation %s', line => {
    expect(() => parseOperation(line)).toThrow()
  })

  it('reads three blocks', () => {
    const txn = parseTxn('mod("a") = "0"\n\nput a 1\nget a\n\ndel a --prefix\n')
    expect(txn.compare).toHaveLength(1)
    expect(txn.success.map(({ kind }) => kind)).toEqual(['put', 'range'])
    expect(txn.failure.map(({ kind }) => kind)).toEqual(['deleteRange'])
  })
})
