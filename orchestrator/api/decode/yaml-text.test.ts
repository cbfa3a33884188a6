import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonTextError } from './json-text.js'
import { parseYamlText, yamlCharactersMax, yamlLexemesMax } from './yaml-text.js'

test.each([
  ['a: yes', { a: true }],
  ['a: "yes"', { a: 'yes' }],
  ['a: off', { a: false }],
  ['a: 1.5', { a: 1.5 }],
  ['a: 2001-12-14', { a: '2001-12-14' }],
  ['a: ~', { a: null }],
  ['a: 22:22', { a: '22:22' }],
  ['a: 0x10', { a: 16 }],
  ['1: x', { '1': 'x' }],
  ['{"json": [1, "two"]}', { json: [1, 'two'] }],
  ['a: &x {b: 1}\nc: *x', { a: { b: 1 }, c: { b: 1 } }],
  ['base: &x {b: 1}\nc: {<<: *x, d: 2}', { base: { b: 1 }, c: { b: 1, d: 2 } }],
])('%j reads as users of YAML 1.1 expect', (text, value) => {
  expect(parseYamlText(text).value).toEqual(value)
})

test('a key that occurs twice is named by its path', () => {
  const { value, duplicateFields } = parseYamlText('spec:\n  a: 1\n  a: 2\n')
  expect(value).toEqual({ spec: { a: 2 } })
  expect(duplicateFields).toEqual(['spec.a'])
})

test.each([
  ['an integer that would change', 'a: 9007199254740993'],
  ['two documents', 'a: 1\n---\nb: 2'],
  ['nothing', ''],
  ['a broken document', 'a: [1'],
  ['a map as a key', '? {a: 1}\n: 2'],
])('%s is refused', (_, text) => {
  expect(() => parseYamlText(text)).toThrow(JsonTextError)
})

test('aliases cannot blow up a short text', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 9; level++) {
    lines.push(
      `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join()}]`,
    )
  }
  expect(() => parseYamlText(lines.join('\n'))).toThrow(JsonTextError)
})

test('random text never crashes the parser', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'a:-{}[],&*!|>"\'\n ?#%@1~<='.split('')) }),
      text => {
        try {
          parseYamlText(text)
        } catch (error) {
          expect(error).toBeInstanceOf(JsonTextError)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('a body of many parts must be JSON, which may call itself YAML', () => {
  const items = Array.from({ length: yamlLexemesMax / 2 }, () => 1)
  expect(parseYamlText(JSON.stringify({ items })).value).toEqual({ items })
  expect(() => parseYamlText(`items:\n${'- 1\n'.repeat(items.length)}`)).toThrow('too many parts')
  expect(() => parseYamlText(`${'%a b\n'.repeat(100)}---\na: 1\n`)).toThrow('too many parts')
})

test('a megabyte of text in a few values is read', () => {
  const line = 'some words of a text\n'
  const count = 1024 * 50
  const { value } = parseYamlText(`data:\n  file: |\n${`    ${line}`.repeat(count)}`)
  expect(value).toEqual({ data: { file: line.repeat(count) } })
  expect(() => parseYamlText(`a: ${'x'.repeat(yamlCharactersMax)}`)).toThrow(JsonTextError)
})

test.each(['1', '0x1f', '-9', '1_'])('a number of %j over and over is refused at once', digits => {
  const text = `a: ${digits}${digits.replace(/^0x|-/, '').repeat(100_000)}`
  expect(() => parseYamlText(text)).toThrow('too many digits')
})

test('what is refused is not sent back whole', () => {
  const digits = '1'.repeat(900)
  expect(() => parseYamlText(`a: ${digits}`)).toThrow(/^number 1{40}\.\.\. (is|cannot)/)
})

test.each(['[', '{a: ', '- ', '? ', 'a: ', '! ', '&a ', '- "a": ', '[a: '])(
  'nesting by %j without end is refused before anything recurses over it',
  piece => {
    expect(() => parseYamlText(piece.repeat(10_000))).toThrow('exceeded max depth')
    expect(() => parseYamlText(`{a: ${piece.repeat(10_000)}`)).toThrow(JsonTextError)
  },
)

test('as much nesting as JSON may have is read', () => {
  const lines = Array.from({ length: 120 }, (_, depth) => `${' '.repeat(depth)}a:`)
  expect(JSON.stringify(parseYamlText(lines.join('\n')).value)).toMatch(
    /^(\{"a":){120}null\}{120}$/,
  )
})
