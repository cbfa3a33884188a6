// A slice of whole stores with every test run. How much of it finds mistakes is what the mutants show.

import { describe, expect, it } from 'vitest'
import { Batch } from '../batch.js'
import { runSeed } from '../run-seed.js'
import { replayCommand } from '../shrink.js'

const sliceFrom = 1
const sliceSeeds = 30
/** A seed takes a second or less; the machine may have much else to do. */
const patienceMs = 240_000
const overrides = { scenario: 'store', untilMs: 7000 } as const

describe('the simulated store', () => {
  it(
    'finds nothing wrong with a slice of seeds',
    async () => {
      const batch = new Batch(overrides)
      for (let seed = sliceFrom; seed < sliceFrom + sliceSeeds; seed += 1)
        batch.add(await runSeed(seed, overrides))
      expect(batch.failures.map(({ seed, failure }) => ({ seed, failure }))).toEqual([])
      // Something must have happened for that to mean anything.
      expect(batch.acknowledged).toBeGreaterThan(2000)
      expect(batch.reads).toBeGreaterThan(2000)
      for (const fact of ['lease expired', 'watch created again', 'log: snapshot restored'])
        expect(batch.coverage.get(fact) ?? 0, fact).toBeGreaterThan(0)
    },
    patienceMs,
  )

  it(
    'does the same for the same seed, and something else for another',
    async () => {
      const [first, again, other] = await Promise.all(
        [41, 41, 42].map(seed => runSeed(seed, { ...overrides, untilMs: 3000 })),
      )
      expect(again).toEqual(first)
      expect(other?.traceHash).not.toBe(first?.traceHash)
    },
    patienceMs,
  )

  it('names its scenario in the line that replays a seed', () => {
    expect(replayCommand(9, overrides)).toBe(
      'npx raftsman chaos simulate --seed 9 --scenario store --until-ms 7000',
    )
  })
})
