// Quorum mathematics against a model that is too simple to be wrong: try every number, count heads.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jointAcknowledged, jointVotes, majorityAcknowledged, unbounded } from './quorum.js'
import { confOf } from './testing/bench-node.js'
import { type NodeId, nodeId } from './types.js'

const node = fc.integer({ min: 1, max: 9 }).map(nodeId)
const nodes = fc.uniqueArray(node, { maxLength: 7 })
const numbers = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.nat(12))

function acknowledgedIn(numbersOf: Readonly<Record<string, number>>): (id: NodeId) => number {
  const known = new Map(Object.entries(numbersOf))
  return id => known.get(String(id)) ?? 0
}

/** The highest number that more than half of the voters reach. */
function model(voters: readonly NodeId[], of: (id: NodeId) => number): number {
  for (let number = 12; number > 0; number--) {
    const heads = voters.filter(id => of(id) >= number).length
    if (heads * 2 > voters.length) return number
  }
  return 0
}

describe('the number that a majority acknowledged', () => {
  test('is the one that counting heads finds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(node, { minLength: 1, maxLength: 7 }), numbers, (voters, of) => {
        const acknowledged = acknowledgedIn(of)
        expect(majorityAcknowledged(voters, { acknowledged })).toBe(model(voters, acknowledged))
      }),
    )
  })

  test('has no bound without voters', () => {
    expect(majorityAcknowledged([], { acknowledged: () => 3 })).toBe(unbounded)
    expect(jointAcknowledged(confOf([]), { acknowledged: () => 3 })).toBe(0)
  })

  test('must be that of both halves while joint', () => {
    fc.assert(
      fc.property(nodes, nodes, numbers, (voters, votersOutgoing, of) => {
        fc.pre(voters.length > 0)
        const acknowledged = acknowledgedIn(of)
        const expected = Math.min(
          model(voters, acknowledged),
          votersOutgoing.length === 0 ? 99 : model(votersOutgoing, acknowledged),
        )
        const conf = confOf(voters, { votersOutgoing })
        expect(jointAcknowledged(conf, { acknowledged })).toBe(expected)
      }),
    )
  })
})

describe('a vote', () => {
  const ballots = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean())
  const asVotes = (of: Readonly<Record<string, boolean>>): Map<NodeId, boolean> =>
    new Map(Object.entries(of).map(([id, vote]) => [nodeId(Number(id)), vote]))

  /** Fills in the missing votes in every way: won or lost if that changes nothing. */
  function outcomes(
    voters: readonly NodeId[],
    outgoing: readonly NodeId[],
    votes: ReadonlyMap<NodeId, boolean>,
  ): Set<boolean> {
    const all = Array.from(new Set([...voters, ...outgoing]))
    const missing = all.filter(id => !votes.has(id))
    const found = new Set<boolean>()
    for (let mask = 0; mask < 2 ** missing.length; mask++) {
      const yes = (id: NodeId): boolean =>
        votes.get(id) ?? (mask & (1 << missing.indexOf(id))) !== 0
      const won = (half: readonly NodeId[]): boolean =>
        half.length === 0 || half.filter(yes).length * 2 > half.length
      found.add(won(voters) && won(outgoing))
    }
    return found
  }

  test('is won or lost exactly when the missing votes cannot change it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(node, { minLength: 1, maxLength: 5 }),
        fc.uniqueArray(node, { maxLength: 5 }),
        ballots,
        (voters, votersOutgoing, of) => {
          const votes = asVotes(of)
          const possible = outcomes(voters, votersOutgoing, votes)
          const result = jointVotes(confOf(voters, { votersOutgoing }), votes)
          if (result === 'won') expect(possible).toEqual(new Set([true]))
          if (result === 'lost') expect(possible).toEqual(new Set([false]))
          if (possible.size === 1) expect(result).not.toBe('pending')
        },
      ),
      { numRuns: 500 },
    )
  })

  test('is lost where nobody may vote', () => {
    expect(jointVotes(confOf([]), new Map())).toBe('lost')
  })
})
