// A slice of whole control planes with every test run. How much of it finds mistakes is what the mutants show.

import { describe, expect, it } from 'vitest'
import { Batch } from '../batch.js'
import { runSeed } from '../run-seed.js'

const sliceFrom = 1
const sliceSeeds = 2
/** A seed takes some seconds; the machine may have much else to do. */
const patienceMs = 240_000
const overrides = { scenario: 'control-plane', untilMs: 15_000, operations: 70 } as const

describe('the simulated control plane', () => {
  it(
    'finds nothing wrong with a slice of seeds',
    async () => {
      const batch = new Batch(overrides)
      for (let seed = sliceFrom; seed < sliceFrom + sliceSeeds; seed += 1)
        batch.add(await runSeed(seed, overrides))
      expect(batch.failures.map(({ seed, failure }) => ({ seed, failure }))).toEqual([])
      // Something must have happened for that to mean anything.
      expect(batch.acknowledged).toBeGreaterThan(50)
      for (const fact of [
        'kube-controller-manager writes',
        'kube-scheduler writes',
        'bound while it was quiet',
        'pod made while it was quiet',
      ])
        expect(batch.coverage.get(fact) ?? 0, fact).toBeGreaterThan(0)
    },
    patienceMs,
  )

  it(
    'does the same for the same seed, and something else for another',
    async () => {
      const short = { ...overrides, untilMs: 2_000, members: 1, operations: 10 }
      const [first, again, other] = await Promise.all(
        [41, 41, 42].map(seed => runSeed(seed, short)),
      )
      expect(again).toEqual(first)
      expect(other?.traceHash).not.toBe(first?.traceHash)
    },
    patienceMs,
  )
})
