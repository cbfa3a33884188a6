// A slice of whole control planes with every test run. How much of it finds mistakes is what the mutants show.

import { describe, expect, it } from 'vitest'
import { Batch } from '../batch.js'
import { runSeed } from '../run-seed.js'
import { Streams } from '../streams.js'
import { drawControlPlaneSwarm } from './control-plane-swarm.js'

const sliceFrom = 8
const sliceSeeds = 2
/** A seed takes a second or two; the machine may have much else to do. */
const patienceMs = 240_000
const overrides = { scenario: 'control-plane' } as const

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
    'does the same for the same seed, alone and among others, and something else for another',
    async () => {
      const short = { ...overrides, untilMs: 2_000, operations: 10 }
      const alone = await runSeed(41, { ...short, members: 3 })
      const [other, among] = await Promise.all([
        runSeed(42, { ...short, members: 1 }),
        runSeed(41, { ...short, members: 3 }),
      ])
      expect(among).toEqual(alone)
      expect(other?.traceHash).not.toBe(alone.traceHash)
    },
    patienceMs,
  )

  it('draws seeds that are quite unlike each other', () => {
    const shapes = Array.from({ length: 200 }, (_, at) => {
      const { members, untilMs, controlPlane } = drawControlPlaneSwarm(new Streams(at + 1), {})
      return { members, untilMs, ...controlPlane }
    })
    const seen = (of: (shape: (typeof shapes)[number]) => unknown) =>
      new Set(shapes.map(shape => JSON.stringify(of(shape)))).size
    expect(seen(({ members }) => members)).toBe(3)
    expect(seen(({ masters }) => masters)).toBe(3)
    expect(seen(({ nodes }) => nodes)).toBe(5)
    expect(seen(({ born }) => born)).toBe(2)
    expect(seen(({ crowded }) => crowded)).toBe(2)
    expect(seen(({ habits }) => habits)).toBeGreaterThan(60)
    // Nobody is given up where more than half of the nodes are silent.
    for (const { untilMs, nodes = 0 } of shapes)
      if (untilMs === 60_000) expect(nodes).toBeGreaterThan(3)
  })
})
