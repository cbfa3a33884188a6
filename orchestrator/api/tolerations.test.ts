import { expect, test } from 'vitest'
import { tolerates, toleratesAny } from './tolerations.js'
import type { Toleration } from './types/core-scheduling.js'

const gpu = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }

test.each<[string, Toleration, boolean]>([
  ['of the same key, value and effect', { key: 'gpu', value: 'yes', effect: 'NoSchedule' }, true],
  ['of any effect', { key: 'gpu', operator: 'Equal', value: 'yes' }, true],
  ['of any value', { key: 'gpu', operator: 'Exists' }, true],
  ['of everything', { operator: 'Exists' }, true],
  ['of another value', { key: 'gpu', value: 'no' }, false],
  ['of no value', { key: 'gpu' }, false],
  ['of another key', { key: 'disk', operator: 'Exists' }, false],
  ['of another effect', { key: 'gpu', operator: 'Exists', effect: 'NoExecute' }, false],
  ['without a key that does not take everything', { value: 'yes' }, false],
])('a toleration %s: %j is %s', (_what, toleration, expected) => {
  expect(tolerates(toleration, gpu)).toBe(expected)
  expect(toleratesAny([{ key: 'other' }, toleration], gpu)).toBe(expected)
})

test('a taint without a value is tolerated by an empty one', () => {
  const taint = { key: 'gpu', effect: 'NoSchedule' }
  expect(tolerates({ key: 'gpu', value: '' }, taint)).toBe(true)
  expect(toleratesAny([], taint)).toBe(false)
})
