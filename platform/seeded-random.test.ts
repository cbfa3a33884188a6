import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from './seeded-random.js'

describe('seededRandom', () => {
  test('replays the same draws from the same seed and others from another', () => {
    const draws = (seed: number) => {
      const random = seededRandom(seed)
      return [random.next(), random.integer(1000), ...random.bytes(8)]
    }
    fc.assert(
      fc.property(fc.maxSafeInteger(), seed => {
        expect(draws(seed)).toEqual(draws(seed))
        expect(draws(seed)).not.toEqual(draws(seed > 0 ? seed - 1 : seed + 1))
      }),
    )
  })

  test('never changes its stream, for recorded seeds rest on it', () => {
    const random = seededRandom(42)
    expect(Array.from({ length: 6 }, () => random.integer(1_000_000))).toMatchInlineSnapshot(`
      [
        563032,
        413350,
        226470,
        56982,
        715636,
        98628,
      ]
    `)
  })

  test('spreads evenly and stays within its bounds', () => {
    const random = seededRandom(7)
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let draw = 0; draw < 70_000; draw += 1) {
      const value = random.integer(7)
      counts[value] = (counts[value] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
    expect(counts).toHaveLength(7)
  })
})
