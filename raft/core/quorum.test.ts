// Quorum mathematics against a model that is too simple to be wrong: try every number, count heads,
// try every way in which the missing votes can fall. Small memberships are tried one and all.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  jointAcknowledged,
  jointVotes,
  majorityAcknowledged,
  majoritySize,
  majorityVotes,
  unbounded,
} from './quorum.js'
import { confOf } from './testing/bench-node.js'
import { type NodeId, nodeId } from './types.js'

const four = [1, 2, 3, 4].map(nodeId)

function subsets<T>(of: readonly T[]): T[][] {
  return Array.from({ length: 2 ** of.length }, (_, mask) =>
    of.filter((__, at) => (mask & (1 << at)) !== 0),
  )
}

/** Every way to give each of `ids` one of `values`. */
function* assignments<T>(ids: readonly NodeId[], values: readonly T[]): Generator<Map<NodeId, T>> {
  for (let number = 0; number < values.length ** ids.length; number++) {
    const given = new Map<NodeId, T>()
    let rest = number
    for (const id of ids) {
      given.set(id, values[rest % values.length] as T)
      rest = Math.floor(rest / values.length)
    }
    yield given
  }
}

/** Of nobody, nobody is enough: a half that is not there agrees. */
const isMajority = (voters: readonly NodeId[], yes: ReadonlySet<NodeId>): boolean =>
  voters.length === 0 || voters.filter(id => yes.has(id)).length * 2 > voters.length

const memberships = subsets(four).flatMap(voters =>
  subsets(four)
    .filter(() => voters.length > 0)
    .map(votersOutgoing => confOf(voters, { votersOutgoing })),
)

describe('a majority', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('of %i is %i', (voters, size) => {
    expect(majoritySize(voters)).toBe(size)
  })

  test('and any other of the same voters have a voter in common, and two minorities never make one', () => {
    for (let count = 1; count <= 7; count++) {
      expect(majoritySize(count) * 2).toBeGreaterThan(count)
      expect((majoritySize(count) - 1) * 2).toBeLessThanOrEqual(count)
    }
  })
})

describe('the number that a quorum acknowledged', () => {
  test('is the highest that a majority of every half reaches, in all memberships of up to four', () => {
    let tried = 0
    for (const conf of memberships) {
      for (const of of assignments(four, [0, 1, 2, 3])) {
        let model = 0
        for (let number = 1; number <= 3; number++) {
          const yes = new Set(four.filter(id => (of.get(id) ?? 0) >= number))
          if (isMajority(conf.voters, yes) && isMajority(conf.votersOutgoing, yes)) model = number
        }
        const found = jointAcknowledged(conf, { acknowledged: id => of.get(id) ?? 0 })
        if (found !== model) expect({ conf, of, found }).toEqual({ conf, of, found: model })
        tried++
      }
    }
    expect(tried).toBe(15 * 16 * 256)
  })

  test('is the one that counting heads finds, in larger memberships with large numbers', () => {
    const numbers = fc.array(fc.nat(2 ** 40), { minLength: 1, maxLength: 15 })
    fc.assert(
      fc.property(numbers, values => {
        const voters = values.map((_, at) => nodeId(at + 1))
        const acknowledged = (id: NodeId): number => values[id - 1] ?? 0
        const reached = (number: number): number => values.filter(value => value >= number).length
        const best = Math.max(...values.filter(value => reached(value) * 2 > values.length))
        expect(majorityAcknowledged(voters, { acknowledged })).toBe(best)
      }),
    )
  })

  test('does not depend on the order of the voters, and never falls when one gets on', () => {
    const values = fc.array(fc.nat(9), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(values, fc.nat(6), fc.nat(9), (numbers, who, more) => {
        const voters = numbers.map((_, at) => nodeId(at + 1))
        const acknowledged = (id: NodeId): number => numbers[id - 1] ?? 0
        const further = (id: NodeId): number => acknowledged(id) + (id === who + 1 ? more : 0)
        const found = majorityAcknowledged(voters, { acknowledged })
        expect(majorityAcknowledged(voters.slice().reverse(), { acknowledged })).toBe(found)
        const later = majorityAcknowledged(voters, { acknowledged: further })
        expect(later).toBeGreaterThanOrEqual(found)
      }),
    )
  })

  test('has no bound without voters, and is nothing in an empty membership', () => {
    expect(majorityAcknowledged([], { acknowledged: () => 3 })).toBe(unbounded)
    expect(jointAcknowledged(confOf([]), { acknowledged: () => 3 })).toBe(0)
  })

  test('counts nobody who is no voter', () => {
    const conf = confOf([1, 2, 3], { learners: [nodeId(4), nodeId(5)] })
    const acknowledged = (id: NodeId): number => (id <= 1 || id >= 4 ? 9 : 2)
    expect(jointAcknowledged(conf, { acknowledged })).toBe(2)
  })
})

describe('a vote', () => {
  test('is decided exactly when the missing votes cannot change it, in all memberships of up to four', () => {
    let tried = 0
    for (const conf of memberships) {
      const all = Array.from(new Set([...conf.voters, ...conf.votersOutgoing]))
      for (const ballots of assignments(four, [true, false, null])) {
        const votes = new Map<NodeId, boolean>()
        for (const [id, vote] of ballots) if (vote !== null) votes.set(id, vote)
        const granted = all.filter(id => votes.get(id) === true)
        const outcomes = new Set(
          subsets(all.filter(id => !votes.has(id))).map(more => {
            const yes = new Set([...granted, ...more])
            return isMajority(conf.voters, yes) && isMajority(conf.votersOutgoing, yes)
          }),
        )
        const model = outcomes.size === 2 ? 'pending' : outcomes.has(true) ? 'won' : 'lost'
        const result = jointVotes(conf, votes)
        if (result !== model)
          expect({ conf, votes, result }).toEqual({ conf, votes, result: model })
        tried++
      }
    }
    expect(tried).toBe(15 * 16 * 81)
  })

  test('is won by exactly those who can commit', () => {
    for (const conf of memberships) {
      for (const yes of subsets(four)) {
        const votes = new Map(four.map(id => [id, yes.includes(id)]))
        const acknowledged = (id: NodeId): number => (yes.includes(id) ? 1 : 0)
        const commits = jointAcknowledged(conf, { acknowledged }) === 1
        if (commits !== (jointVotes(conf, votes) === 'won')) expect({ conf, yes }).toBeNull()
      }
    }
  })

  test('is never won by two disjoint groups', () => {
    for (const conf of memberships) {
      for (const group of subsets(four)) {
        const ours = new Map(four.map(id => [id, group.includes(id)]))
        const theirs = new Map(four.map(id => [id, !group.includes(id)]))
        const both = jointVotes(conf, ours) === 'won' && jointVotes(conf, theirs) === 'won'
        if (both) expect({ conf, group }).toBeNull()
      }
    }
  })

  test('is lost where nobody may vote, and not changed by who may not', () => {
    expect(jointVotes(confOf([]), new Map())).toBe('lost')
    const stranger = new Map([[nodeId(9), true]])
    expect(majorityVotes([nodeId(1)], stranger)).toBe('pending')
    expect(jointVotes(confOf([1, 2, 3]), stranger)).toBe('pending')
  })
})
