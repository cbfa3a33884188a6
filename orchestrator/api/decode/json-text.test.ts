import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonTextError, nestingMax, parseJsonText } from './json-text.js'

describe('values', () => {
  test('every JSON value parses as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), text => {
        let expected: unknown
        try {
          expected = JSON.parse(text)
          expect(parseJsonText(text).value).toEqual(normal(expected))
        } catch (error) {
          if (!(error instanceof JsonTextError)) throw error
          expect(error.message).toMatch(/exactly|range/)
        }
      }),
    )
  })

  test('any text parses exactly when JSON.parse takes it', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-',
      'null',
      ' ',
      '\\',
      '"',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), list => {
        const text = list.join('')
        const valid = succeeds(() => JSON.parse(text))
        expect(succeeds(() => parseJsonText(text))).toBe(valid)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['-0', 0],
    ['1.50', 1.5],
    ['1e3', 1000],
  ])('the number %s is %d', (text, value) => {
    expect(parseJsonText(text).value).toBe(value)
  })

  test.each(['9007199254740993', '1152921504606846976', '-9223372036854775808', '1e999'])(
    'the number %s is refused, as it would change',
    text => {
      expect(() => parseJsonText(text)).toThrow(JsonTextError)
    },
  )

  test('escapes and surrogates are read', () => {
    expect(parseJsonText('"a\\n\\u0041\\ud83d\\ude00\\/"').value).toBe('a\nA😀/')
  })
})

/** JSON.parse keeps minus zero, which no integer field can. */
function normal(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, normal(inner)] as const)
  return Object.fromEntries(entries)
}

function succeeds(action: () => unknown): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}

describe('duplicates and limits', () => {
  test('a key that occurs twice is named by its path, and the last value counts', () => {
    const { value, duplicateFields } = parseJsonText(
      '{"spec":{"a":[{"b":1,"b":2}],"a":[]},"spec":3}',
    )
    expect(value).toEqual({ spec: 3 })
    expect(duplicateFields).toEqual(['spec.a[0].b', 'spec.a', 'spec'])
  })

  test('nesting beyond the limit is refused, however deep', () => {
    const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(succeeds(() => parseJsonText(deep(nestingMax)))).toBe(true)
    expect(() => parseJsonText(deep(100_000))).toThrow('exceeded max depth')
  })

  test('__proto__ is an ordinary key', () => {
    const { value } = parseJsonText('{"__proto__":{"polluted":true},"constructor":1}')
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
