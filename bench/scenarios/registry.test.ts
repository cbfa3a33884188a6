import { expect, test } from 'vitest'
import { scenarios, scenariosOf } from './registry.js'

const named = (words: readonly string[], quick = false) => {
  const found = scenariosOf(words, quick)
  return typeof found === 'string' ? found : found.map(({ name }) => name)
}

test('Every row has a name of its own, and none is the name of a group of several.', () => {
  const names = scenarios.flatMap(({ name, also = [] }) => [name, ...also.map(row => row.name)])
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name.length, name).toBeLessThanOrEqual(18)
  const groups = new Set(scenarios.map(({ group }) => group))
  expect(names.filter(name => groups.has(name))).toEqual([])
})

test('Words name scenarios, groups and further rows, each once and in the order of the list.', () => {
  expect(named(['put-1x1', 'put', 'put-1x1'])).toEqual(['put', 'put-1x1'])
  expect(named(['txns'])).toEqual(['txn-put', 'txn-mixed', 'stm'])
  expect(named(['keys-start'])).toEqual(['keys-memory'])
  expect(named(['put', 'nonsense'])).toBe('nonsense')
})

test('Without words there are all; a quick run leaves out what says nearly the same, unless named.', () => {
  expect(named([])).toHaveLength(scenarios.length)
  expect(named([], true)).not.toContain('put-64kib')
  expect(named([], true)).toContain('put')
  expect(named(['put-64kib'], true)).toEqual(['put-64kib'])
})
