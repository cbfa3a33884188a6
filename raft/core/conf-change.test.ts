// Membership changes: their encoding, what they make of a membership, against a model of one role a
// node, and that any two memberships in a row overlap. That a node carries them out by section 6 of
// the paper stands in membership.test.ts and in golden/change-*.txt.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyConfChange,
  type ConfChange,
  type ConfChangeOperation,
  decodeConfChange,
  encodeConfChange,
  isJoint,
  isSoundConfState,
  isWithoutEffect,
} from './conf-change.js'
import { jointVotes } from './quorum.js'
import { confOf } from './testing/bench-node.js'
import { type ConfState, type NodeId, nodeId } from './types.js'

const add = (id: number): ConfChangeOperation => ({ kind: 'addVoter', node: nodeId(id) })
const learn = (id: number): ConfChangeOperation => ({ kind: 'addLearner', node: nodeId(id) })
const remove = (id: number): ConfChangeOperation => ({ kind: 'remove', node: nodeId(id) })

/** As another version of this program wrote it: without names and addresses. */
function encodedInVersion1(change: ConfChange): Uint8Array {
  const bytes = [1, change.length]
  for (const { kind, node } of change) {
    bytes.push(['addVoter', 'addLearner', 'remove'].indexOf(kind))
    const view = new DataView(new ArrayBuffer(8))
    view.setFloat64(0, node)
    for (let at = 0; at < 8; at++) bytes.push(view.getUint8(at))
  }
  return Uint8Array.from(bytes)
}

const idMax = 6
const everybody = Array.from({ length: idMax }, (_, at) => nodeId(at + 1))
const text = fc.string({ unit: 'binary', maxLength: 12 })
const members = fc.record({ name: text, address: text }).filter(m => m.name + m.address !== '')
const operations: fc.Arbitrary<ConfChangeOperation> = fc
  .record({
    make: fc.constantFrom(add, learn, remove),
    id: fc.integer({ min: 1, max: idMax }),
    member: fc.option(members),
  })
  .map(({ make, id, member }) => (member === null ? make(id) : { ...make(id), member }))
const changes: fc.Arbitrary<ConfChange> = fc.array(operations, { maxLength: 4 })
const histories = fc.array(changes, { maxLength: 10 })

/** What each change of a history meets, and what it makes of it. */
function* steps(history: readonly ConfChange[]): Generator<{
  readonly before: ConfState
  readonly change: ConfChange
  readonly after: ConfState
}> {
  let before = confOf([1, 2, 3])
  for (const change of history) {
    const after = applyConfChange(before, change)
    yield { before, change, after }
    before = after
  }
}

function quorums(conf: ConfState): Set<NodeId>[] {
  const found: Set<NodeId>[] = []
  for (let mask = 0; mask < 2 ** idMax; mask++) {
    const yes = new Set(everybody.filter(id => (mask & (1 << (id - 1))) !== 0))
    const votes = new Map(everybody.map(id => [id, yes.has(id)]))
    if (jointVotes(conf, votes) === 'won') found.push(yes)
  }
  return found
}

const meet = (one: ReadonlySet<NodeId>, other: ReadonlySet<NodeId>): boolean =>
  Array.from(one).some(id => other.has(id))

/** The model: one role a node, operations one after the other. */
function roles(conf: ConfState): Map<NodeId, 'voter' | 'learner'> {
  const of = new Map<NodeId, 'voter' | 'learner'>()
  for (const id of conf.voters) of.set(id, 'voter')
  for (const id of [...conf.learners, ...conf.learnersNext]) of.set(id, 'learner')
  return of
}

function afterAll(conf: ConfState, change: ConfChange): Map<NodeId, 'voter' | 'learner'> {
  const of = roles(conf)
  for (const { kind, node } of change) {
    if (kind === 'remove') of.delete(node)
    else of.set(node, kind === 'addVoter' ? 'voter' : 'learner')
  }
  return of
}

const sortedEntries = (of: ReadonlyMap<NodeId, string>): (readonly [NodeId, string])[] =>
  Array.from(of).sort(([a], [b]) => a - b)

describe('a change in an entry', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(changes, change => {
        expect(decodeConfChange(encodeConfChange(change))).toEqual(change)
      }),
    )
  })

  test('is read as version 1 wrote it, without names and addresses', () => {
    fc.assert(
      fc.property(changes, change => {
        const bare = change.map(({ kind, node }) => ({ kind, node }))
        expect(decodeConfChange(encodedInVersion1(change))).toEqual(bare)
      }),
    )
    const golden = [1, 1, 2, 0x40, 0x08, 0, 0, 0, 0, 0, 0]
    expect(decodeConfChange(Uint8Array.from(golden))).toEqual([remove(3)])
  })

  test('tells of a learner that it is to be promoted, until it is, and of nobody else', () => {
    const member = { name: 'n4', address: 'host:1', promote: true as const }
    const add = (kind: 'addLearner' | 'addVoter') => [{ kind, node: nodeId(4), member }] as const
    const learner = encodeConfChange(add('addLearner'))
    expect(decodeConfChange(learner)).toEqual(add('addLearner'))
    expect(decodeConfChange(learner)).not.toEqual(
      decodeConfChange(encodeConfChange(add('addVoter'))),
    )
    const conf = applyConfChange(confOf([1, 2, 3]), add('addLearner'))
    expect(conf.addresses).toEqual([{ node: 4, ...member }])
    const promoted = applyConfChange(conf, [{ kind: 'addVoter', node: nodeId(4) }])
    expect(promoted.addresses).toEqual([{ node: 4, name: 'n4', address: 'host:1' }])
    // Without a name and an address there is nothing to promise it to.
    expect(
      decodeConfChange(Uint8Array.of(2, 1, 0x81, 0x40, 0x10, 0, 0, 0, 0, 0, 0, 0, 0)),
    ).toBeNull()
    expect(
      decodeConfChange(Uint8Array.of(2, 1, 0x80, 0x40, 0x10, 0, 0, 0, 0, 0, 0, 0, 0)),
    ).toBeNull()
  })

  test('is written in version 2 byte by byte', () => {
    const change = [{ ...learn(3), member: { name: 'm3', address: 'h:1' } }, remove(1)]
    const three = [0x40, 0x08, 0, 0, 0, 0, 0, 0]
    const first = [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]
    const golden = [2, 2, 1, ...three, 2, 0x6d, 0x33, 3, 0x68, 0x3a, 0x31, 2, ...first, 0, 0]
    expect(Array.from(encodeConfChange(change))).toEqual(golden)
  })

  test('is refused, never thrown at, when it is anything else', () => {
    const garbage = fc.uint8Array({ maxLength: 60 })
    const nearly = fc.tuple(fc.constantFrom(1, 2), fc.nat(3), garbage)
    const any = fc.oneof(
      garbage,
      nearly.map(([version, count, rest]) => Uint8Array.of(version, count, ...rest)),
    )
    fc.assert(
      fc.property(any, bytes => {
        const change = decodeConfChange(bytes)
        if (change === null) return
        const again = bytes[0] === 1 ? encodedInVersion1(change) : encodeConfChange(change)
        expect(again).toEqual(bytes)
      }),
      { numRuns: 1000 },
    )
  })

  test('is refused when it is cut anywhere, or goes on behind its end', () => {
    const bytes = encodeConfChange([add(1), learn(2), remove(3)])
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeConfChange(bytes.slice(0, length)), `cut at ${length}`).toBeNull()
    }
    expect(decodeConfChange(Uint8Array.of(...bytes, 0))).toBeNull()
  })

  test('with one byte changed is refused, or is another change', () => {
    const change = [add(1), learn(2), remove(3)]
    const bytes = encodeConfChange(change)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const wrong = bytes.slice()
        wrong[at] = (wrong[at] as number) ^ flip
        expect(decodeConfChange(wrong)).not.toEqual(change)
      }),
    )
  })

  test('names nodes up to the largest id, and none beyond', () => {
    const largest = [add(Number.MAX_SAFE_INTEGER)]
    expect(decodeConfChange(encodeConfChange(largest))).toEqual(largest)
    for (const id of [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(decodeConfChange(encodeConfChange([add(id)])), String(id)).toBeNull()
    }
  })

  test('is not written when it has more operations than it can count', () => {
    const many = Array.from({ length: 256 }, () => add(1))
    expect(() => encodeConfChange(many)).toThrow(RangeError)
    const most = many.slice(1)
    expect(decodeConfChange(encodeConfChange(most))).toEqual(most)
  })

  test('is not written when a name or an address is too long, counted in bytes', () => {
    const named = (name: string, address: string): ConfChange => [
      { ...add(1), member: { name, address } },
    ]
    for (const [name, address] of [
      ['x'.repeat(256), ''],
      ['', 'ä'.repeat(128)],
    ] as const) {
      expect(() => encodeConfChange(named(name, address))).toThrow(RangeError)
    }
    const longest = named('x'.repeat(255), 'ä'.repeat(127))
    expect(decodeConfChange(encodeConfChange(longest))).toEqual(longest)
  })
})

describe('a membership', () => {
  const cases: readonly (readonly [string, ConfState, ConfChange, ConfState])[] = [
    ['grows by one voter at once', confOf([1, 2]), [add(3)], confOf([1, 2, 3])],
    ['shrinks by one voter at once', confOf([1, 2, 3]), [remove(2)], confOf([1, 3])],
    ['takes a learner', confOf([1]), [learn(2)], confOf([1], { learners: [nodeId(2)] })],
    ['promotes a learner', confOf([1], { learners: [nodeId(2)] }), [add(2)], confOf([1, 2])],
    [
      'becomes joint for several changes',
      confOf([1, 2, 3]),
      [add(4), remove(1)],
      confOf([2, 3, 4], { votersOutgoing: [1, 2, 3].map(nodeId) }),
    ],
    [
      'keeps a voter that becomes a learner until the joint membership is left',
      confOf([1, 2, 3]),
      [add(4), learn(3)],
      confOf([1, 2, 4], {
        votersOutgoing: [1, 2, 3].map(nodeId),
        learnersNext: [nodeId(3)],
      }),
    ],
    [
      'leaves the joint membership',
      confOf([1, 2, 4], {
        votersOutgoing: [1, 2, 3].map(nodeId),
        learnersNext: [nodeId(3)],
      }),
      [],
      confOf([1, 2, 4], { learners: [nodeId(3)] }),
    ],
  ]
  test.each(cases)('%s', (_, before, change, after) => {
    expect(applyConfChange(before, change)).toEqual(after)
  })

  test('never loses its last voter, and takes no second change while joint', () => {
    const alone = confOf([1])
    expect(applyConfChange(alone, [remove(1)])).toBe(alone)
    expect(applyConfChange(alone, [learn(1)])).toBe(alone)
    expect(applyConfChange(alone, [])).toBe(alone)
    expect(applyConfChange(alone, null)).toBe(alone)
    const joint = confOf([1, 2], { votersOutgoing: [nodeId(1)] })
    expect(applyConfChange(joint, [add(3)])).toBe(joint)
  })

  test('is sorted, so that equal memberships look equal', () => {
    expect(applyConfChange(confOf([2, 5]), [add(3)]).voters).toEqual([2, 3, 5])
    const learners = confOf([1], { learners: [nodeId(4)] })
    expect(applyConfChange(learners, [learn(2)]).learners).toEqual([2, 4])
  })
})

describe('a change is without effect', () => {
  const conf = confOf([1, 2, 3], { learners: [nodeId(4)] })
  test.each<readonly [string, ConfChange]>([
    ['that removes who is no member', [remove(9)]],
    ['that adds a voter again', [add(2)]],
    ['that adds a learner again', [learn(4)]],
    ['that does all of it at once', [remove(9), add(2), learn(4)]],
    ['that takes back what it does', [add(5), remove(5)]],
    ['that would leave nobody', [remove(1), remove(2), remove(3)]],
    ['that leaves a joint membership where there is none', []],
  ])('%s', (_, change) => {
    expect(isWithoutEffect(conf, change)).toBe(true)
  })

  test.each<readonly [string, ConfChange]>([
    ['that adds', [add(5)]],
    ['that removes', [remove(3)]],
    ['that demotes', [learn(3)]],
    ['that tells an address', [{ ...add(2), member: { name: 'm2', address: 'h:1' } }]],
    ['that changes several, and some not', [add(2), add(5)]],
  ])('but not one %s', (_, change) => {
    expect(isWithoutEffect(conf, change)).toBe(false)
  })
})

describe('any sequence of changes', () => {
  const always = (
    holds: (step: { before: ConfState; change: ConfChange; after: ConfState }) => void,
  ): void => {
    fc.assert(
      fc.property(histories, history => {
        for (const step of steps(history)) holds(step)
      }),
    )
  }

  test('keeps the membership sound, with a voter in every half that is there', () => {
    always(({ after }) => {
      expect(isSoundConfState(after)).toBe(true)
      expect(after.voters.length).toBeGreaterThan(0)
    })
  })

  test('ends where one role a node, operation by operation, ends', () => {
    always(({ before, change, after }) => {
      if (after === before) return
      const left = isJoint(after) ? applyConfChange(after, []) : after
      const model = change.length === 0 ? roles(before) : afterAll(before, change)
      expect(sortedEntries(roles(left))).toEqual(sortedEntries(model))
      expect(left).toMatchObject({ votersOutgoing: [], learnersNext: [] })
    })
  })

  test('moves in steps of which any quorum before meets any quorum after', () => {
    always(({ before, after }) => {
      for (const one of quorums(before)) {
        for (const other of quorums(after)) {
          if (!meet(one, other)) expect({ before, after, one, other }).toBeNull()
        }
      }
    })
  })

  test('moves at most one voter where it does not go through a joint membership', () => {
    always(({ before, after }) => {
      if (isJoint(before) || isJoint(after)) return
      const gone = before.voters.filter(id => !after.voters.includes(id))
      const come = after.voters.filter(id => !before.voters.includes(id))
      expect(gone.length + come.length).toBeLessThanOrEqual(1)
    })
  })

  test('keeps the old voters as the outgoing half of a joint membership', () => {
    always(({ before, after }) => {
      if (isJoint(before) || !isJoint(after)) return
      expect(after.votersOutgoing).toEqual(before.voters)
      for (const half of [after.voters, after.votersOutgoing]) {
        for (const quorum of quorums(after)) {
          expect(half.filter(id => quorum.has(id)).length * 2).toBeGreaterThan(half.length)
        }
      }
    })
  })

  test('leaves a joint membership by one empty change and by no other', () => {
    always(({ before, change, after }) => {
      if (!isJoint(before)) return
      if (change.length > 0) expect(after).toBe(before)
      else expect(after).toMatchObject({ voters: before.voters, votersOutgoing: [] })
    })
  })

  test('never has a learner decide anything', () => {
    always(({ after }) => {
      const learners = [...after.learners]
      for (const quorum of quorums(after)) {
        for (const id of learners) quorum.delete(id)
        const votes = new Map(everybody.map(id => [id, quorum.has(id)]))
        expect(jointVotes(after, votes)).toBe('won')
      }
    })
  })

  test('knows the last address told of everybody who is still there, and of nobody else', () => {
    fc.assert(
      fc.property(histories, history => {
        const told = new Map<NodeId, { name: string; address: string }>()
        for (const { before, change, after } of steps(history)) {
          if (after !== before) {
            for (const { kind, node, member } of change) {
              if (kind !== 'remove' && member !== undefined) told.set(node, member)
            }
          }
          const there = [...after.voters, ...after.votersOutgoing, ...after.learners]
          for (const id of told.keys()) if (!there.includes(id)) told.delete(id)
          const expected = Array.from(told, ([node, member]) => ({ node, ...member }))
          expect(after.addresses ?? []).toEqual(expected.sort((a, b) => a.node - b.node))
        }
      }),
    )
  })

  test('makes the same of equal memberships on every node', () => {
    always(({ before, change, after }) => {
      const copy = structuredClone(before)
      expect(applyConfChange(copy, structuredClone(change))).toEqual(after)
      expect(copy).toEqual(before)
    })
  })
})

describe('a membership is not sound', () => {
  const n = (...ids: readonly number[]): NodeId[] => ids.map(nodeId)
  test.each([
    ['with a voter twice', confOf([1, 1])],
    ['with a learner twice', confOf([1], { learners: n(2, 2) })],
    ['with a voter that is a learner', confOf([1, 2], { learners: n(2) })],
    [
      'with an outgoing voter that is a learner',
      confOf([1], { votersOutgoing: n(2), learners: n(2) }),
    ],
    ['with a learner to be that is no outgoing voter', confOf([1], { learnersNext: n(2) })],
    [
      'with a learner to be that stays a voter',
      confOf([1, 2], { votersOutgoing: n(1, 2), learnersNext: n(2) }),
    ],
    ['with an outgoing half alone', confOf([], { votersOutgoing: n(1) })],
    ['with a node that has no proper id', confOf([0])],
  ])('%s', (_, conf) => {
    expect(isSoundConfState(conf)).toBe(false)
  })
})
