import { assert, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandReferences } from './env-expansion.js'

const values = new Map([
  ['VAR_A', 'A'],
  ['VAR_B', 'B'],
  ['VAR_REF', '$(VAR_A)'],
  ['EMPTY', ''],
])

const expand = (text: string): string => expandReferences(text, name => values.get(name))

describe('references to variables', () => {
  const cases: readonly [string, string][] = [
    ['', ''],
    ['plain', 'plain'],
    ['$(VAR_A)', 'A'],
    ['___$(VAR_B)___', '___B___'],
    ['$(VAR_A)$(VAR_B)', 'AB'],
    ['[$(EMPTY)]', '[]'],
    ['$(UNKNOWN)', '$(UNKNOWN)'],
    ['$(VAR_REF)', '$(VAR_A)'],
    ['$$(VAR_A)', '$(VAR_A)'],
    ['$$$(VAR_A)', '$A'],
    ['$$$$(VAR_A)', '$$(VAR_A)'],
    ['foo$$', 'foo$'],
    ['foo$', 'foo$'],
    ['$VAR_A', '$VAR_A'],
    ['$(VAR_A', '$(VAR_A'],
    ['$(VAR_A$(VAR_B)', '$(VAR_A$(VAR_B)'],
    ['$()', '$()'],
    ['\n$(VAR_A)\n', '\nA\n'],
    ['$?_boo_$!', '$?_boo_$!'],
  ]
  it.each(cases)('%j becomes %j', (text, wanted) => {
    expect(expand(text)).toBe(wanted)
  })

  it('leave a text alone that was escaped, whatever it holds', () => {
    assert(
      property(string(), text => {
        expect(expand(text.replaceAll('$', '$$$$'))).toBe(text)
      }),
    )
  })
})
