// A few hundred short histories of small clusters under failures; see testing/simulation.ts. A
// failure names its seed, and the seed replays it step by step.

import { describe, expect, test } from 'vitest'
import { type Shape, Simulation } from './testing/simulation.js'

const steps = 4000

interface Case extends Shape {
  readonly name: string
  readonly seeds: number
  /** What has to happen at least once, or the run shows little. */
  readonly covers: readonly string[]
  readonly never?: readonly string[]
}

const alone = ['elected', 'write', 'read answered']
const pair = [...alone, 'read refused', 'timeoutNow', 'proposalForward', 'refused no-leader']
const usual = [
  ...pair,
  'snapshotRequest',
  'readIndexResponse',
  'refused too-many-uncommitted',
  'fetch',
]
/** Where there are leases, nobody may be elected before they have ended. */
const early = 'campaign early'
const many = [...usual, early]
const changes = ['changed', 'joint', 'refused change-pending', 'refused not-leader']
const changing = [...many, ...changes]
const damaging = [...many, 'damage', 'repaired']

const shapes: readonly Case[] = [
  { name: 'three voters', voters: 3, learners: 0, seeds: 240, covers: many },
  { name: 'five voters', voters: 5, learners: 0, seeds: 140, covers: many },
  { name: 'three voters and a learner', voters: 3, learners: 1, seeds: 80, covers: many },
  { name: 'one voter', voters: 1, learners: 0, seeds: 20, covers: alone },
  { name: 'two voters', voters: 2, learners: 0, seeds: 20, covers: pair },
  { name: 'members that change', voters: 3, learners: 0, joiners: 3, seeds: 240, covers: changing },
  {
    name: 'three voters with damaged logs',
    voters: 3,
    learners: 0,
    damages: true,
    seeds: 160,
    covers: damaging,
  },
  {
    name: 'five voters with damaged logs',
    voters: 5,
    learners: 0,
    damages: true,
    seeds: 120,
    covers: damaging,
  },
  {
    name: 'three voters with leases',
    voters: 3,
    learners: 0,
    leases: true,
    seeds: 200,
    covers: [...usual, 'read at once'],
    never: [early],
  },
  {
    name: 'members that change, with leases',
    voters: 3,
    learners: 0,
    joiners: 2,
    leases: true,
    seeds: 120,
    covers: [...usual, ...changes, 'read at once'],
    never: [early],
  },
]

function simulate(seed: number, shape: Case): Simulation {
  const simulation = new Simulation(seed, shape)
  try {
    simulation.run(steps)
    simulation.heal()
  } catch (cause) {
    const sentence = cause instanceof Error ? cause.message : 'unknown'
    throw new Error(`seed ${seed} of ${shape.name}: ${sentence}`, { cause })
  }
  return simulation
}

describe('a cluster under loss, repetition, reordering, partitions, slow disks and power cuts', () => {
  for (const shape of shapes) {
    test(`of ${shape.name} stays safe, and gets on once healed`, () => {
      const coverage = new Map<string, number>()
      for (let seed = 1; seed <= shape.seeds; seed++) {
        const { safety } = simulate(seed, shape)
        for (const [fact, count] of safety.coverage) {
          coverage.set(fact, (coverage.get(fact) ?? 0) + count)
        }
      }
      for (const fact of shape.covers) expect(coverage.get(fact) ?? 0, fact).toBeGreaterThan(0)
      for (const fact of shape.never ?? []) expect(coverage.get(fact) ?? 0, fact).toBe(0)
    })
  }

  test('runs the same way twice for the same seed', () => {
    const shape = shapes[0] as Case
    expect(simulate(7, shape).traceHash).toBe(simulate(7, shape).traceHash)
    expect(simulate(7, shape).traceHash).not.toBe(simulate(8, shape).traceHash)
  })
})
