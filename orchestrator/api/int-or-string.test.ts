import { expect, test } from 'vitest'
import { percentOf, scaledValue } from './int-or-string.js'

test.each([
  [3, 10, 'up', 3],
  ['25%', 10, 'up', 3],
  ['25%', 10, 'down', 2],
  ['0%', 10, 'up', 0],
  ['100%', 7, 'down', 7],
  ['150%', 2, 'down', 3],
] as const)('%s of %d rounded %s is %d', (value, total, rounding, expected) => {
  expect(scaledValue(value, total, rounding)).toBe(expected)
})

test.each(['25', '-1%', '1.5%', 'x%', '%'])('%s is no percentage', text => {
  expect(percentOf(text)).toBeNull()
  expect(scaledValue(text, 10, 'up')).toBeNull()
})
