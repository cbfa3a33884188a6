// A fixed slice of seeds with every test run, and the proof that the simulator can fail: clusters on
// disks that lie must be found out, and what fails must come out smaller than it went in.

import { describe, expect, it } from 'vitest'
import { must } from '../../platform/errors.js'
import { Batch } from './batch.js'
import { verdictOf } from './report.js'
import { runSeed } from './run-seed.js'
import { replayCommand, shrink } from './shrink.js'
import { Streams } from './streams.js'
import { drawSwarm } from './swarm.js'
import { TraceSum } from './trace.js'

const sliceFrom = 1
const sliceSeeds = 24
/** A seed takes a fraction of a second; the machine may have much else to do. */
const patienceMs = 120_000

describe('the simulator', () => {
  it(
    'finds nothing wrong with a slice of seeds',
    async () => {
      const batch = new Batch({ untilMs: 8000 })
      for (let seed = sliceFrom; seed < sliceFrom + sliceSeeds; seed += 1)
        batch.add(await runSeed(seed, { untilMs: 8000 }))
      expect(batch.failures.map(({ seed, failure }) => ({ seed, failure }))).toEqual([])
      // Something must have happened for that to mean anything.
      expect(batch.acknowledged).toBeGreaterThan(1000)
      expect(batch.reads).toBeGreaterThan(1000)
      expect(batch.faults.size).toBeGreaterThan(15)
    },
    patienceMs,
  )

  it(
    'does the same for the same seed, and something else for another',
    async () => {
      const [first, again, other] = await Promise.all(
        [41, 41, 42].map(seed => runSeed(seed, { untilMs: 3000 })),
      )
      expect(again).toEqual(first)
      expect(other?.traceHash).not.toBe(first?.traceHash)
    },
    patienceMs,
  )

  it('keeps the rest of a run in place when a kind of fault is left out', () => {
    const whole = drawSwarm(new Streams(7), {})
    const [kind] = must([...whole.faults.keys()], 'kinds of faults')
    const without = drawSwarm(new Streams(7), { withoutFaults: [must(kind, 'a kind of fault')] })
    const rest = [...whole.faults].filter(([other]) => other !== kind)
    expect({ ...without, faults: null }).toEqual({ ...whole, faults: null })
    expect([...without.faults]).toEqual(rest)
  })

  it('is not content with a batch that has seen too little', async () => {
    const result = await runSeed(1, { untilMs: 200, members: 1 })
    const missing = (isWhole: boolean, seeds: number) => {
      const batch = new Batch(isWhole ? {} : { members: 1 })
      for (let seed = 0; seed < seeds; seed += 1) batch.add({ ...result, seed })
      return {
        verdict: verdictOf(batch),
        has: batch.uncovered.includes('candidate gets voteGranted'),
      }
    }
    expect(missing(true, 200)).toEqual({ verdict: 'invalid', has: true })
    expect(missing(true, 199)).toEqual({ verdict: 'valid', has: false })
    expect(missing(false, 200)).toEqual({ verdict: 'valid', has: false })
  })

  it('sums the hashes of seeds whatever order they ran in', () => {
    const sum = (seeds: readonly (readonly [number, string])[]) => {
      const total = new TraceSum()
      for (const [seed, hash] of seeds) total.add(seed, hash)
      return total.hash
    }
    const seeds = [
      [1, 'aa'],
      [2, 'bb'],
      [3, 'aa'],
    ] as const
    expect(sum(seeds.toReversed())).toBe(sum(seeds))
    expect(sum(seeds.slice(1))).not.toBe(sum(seeds))
  })
})

describe('the canary', () => {
  it('is found out in every seed with power cuts: disks that lie lose what was acknowledged', async () => {
    const failed = await Promise.all(
      [1, 2, 3, 4, 5].map(seed => runSeed(seed, { lyingDisks: true, members: 3 })),
    )
    for (const { failure } of failed)
      expect(['committed-durable', 'durable-before-sent', 'starts-again', 'liveness']).toContain(
        failure?.check,
      )
  })

  it('comes out smaller than it went in, and fails in the same way when it is replayed', async () => {
    const begun = { lyingDisks: true }
    const failed = await runSeed(11, begun)
    const { result, overrides } = await shrink(failed, begun)
    expect(result.failure?.check).toBe(failed.failure?.check)
    expect(Object.keys(result.faults).length).toBeLessThanOrEqual(1)
    expect(result.operations).toBeLessThanOrEqual(failed.operations)
    expect(await runSeed(11, overrides)).toEqual(result)
    expect(replayCommand(11, overrides)).toMatch(
      /^npx raftsman chaos simulate --seed 11 .*--until-ms \d+.*--lying-disks$/,
    )
  })
})
