import { expect, it } from 'vitest'
import type { NodeCondition } from '../api/types/core-node.js'
import { turnsOf } from './node-events.js'

const conditions = (...pairs: (readonly [string, string])[]): NodeCondition[] =>
  pairs.map(([type, status]) => ({ type, status }))

it.each([
  [
    'a node that begins',
    [],
    [
      ['MemoryPressure', 'False'],
      ['Ready', 'False'],
    ],
    ['NodeHasSufficientMemory'],
  ],
  ['one that is ready', [['Ready', 'False']], [['Ready', 'True']], ['NodeReady']],
  ['one that was silent', [['Ready', 'Unknown']], [['Ready', 'True']], ['NodeReady']],
  ['one that is not any more', [['Ready', 'True']], [['Ready', 'False']], ['NodeNotReady']],
  [
    'one with a full disk',
    [['DiskPressure', 'False']],
    [['DiskPressure', 'True']],
    ['NodeHasDiskPressure'],
  ],
  ['one that stays as it is', [['PIDPressure', 'False']], [['PIDPressure', 'False']], []],
  ['a condition of others', [], [['NetworkUnavailable', 'False']], []],
] as const)('%s', (_, before, now, expected) => {
  expect(turnsOf(conditions(...before), conditions(...now))).toEqual(expected)
})
