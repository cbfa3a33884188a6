// What a leader knows of a follower: the ring of messages under way against a plain list, and the
// moves between probe, replicate and snapshot.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Inflights, Progress } from './progress.js'
import { type LogIndex, logIndex, nodeId } from './types.js'

const at = (index: number): LogIndex => logIndex(index)

test('messages under way are counted as a plain list counts them', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 3 }), bytes: fc.nat(50) }),
    fc.record({ free: fc.nat(40) }),
    fc.constant('clear' as const),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step), (limit, steps) => {
      const ring = new Inflights(limit, 100)
      let list: { readonly last: number; readonly bytes: number }[] = []
      let last = 0
      const total = (): number => list.reduce((sum, message) => sum + message.bytes, 0)
      for (const action of steps) {
        if (action === 'clear') {
          ring.clear()
          list = []
        } else if ('free' in action) {
          ring.freeUpTo(at(action.free))
          list = list.filter(message => message.last > action.free)
        } else if (list.length < limit && total() < 100) {
          last += action.add
          ring.add(at(last), action.bytes)
          list.push({ last, bytes: action.bytes })
        }
        expect(ring).toMatchObject({ count: list.length, bytes: total() })
        expect(ring.full).toBe(list.length === limit || total() >= 100)
      }
    }),
  )
})

describe('a follower', () => {
  const replicating = (match: number): Progress => {
    const progress = new Progress(nodeId(2), at(match + 1), 4, 1000)
    progress.advance(at(match))
    progress.becomeReplicate()
    return progress
  }

  test('that is probed gets one message, and the next once it answers', () => {
    const progress = new Progress(nodeId(2), at(5), 4, 1000)
    progress.sent(at(6), 10)
    expect(progress).toMatchObject({ state: 'probe', paused: true, next: 5 })
    expect(progress.retreat(at(4), at(2))).toBe(true)
    expect(progress).toMatchObject({ paused: false, next: 3 })
  })

  test('that replicates is sent ahead of its acknowledgements', () => {
    const progress = replicating(4)
    progress.sent(at(6), 10)
    progress.sent(at(9), 10)
    expect(progress).toMatchObject({ match: 4, next: 10, inflights: { count: 2, bytes: 20 } })
  })

  test('that rejects while it replicates is probed from what is known for sure', () => {
    const progress = replicating(4)
    progress.sent(at(9), 10)
    expect(progress.retreat(at(9), at(7))).toBe(true)
    expect(progress).toMatchObject({ state: 'probe', next: 5, inflights: { count: 0 } })
  })

  test.each([
    ['of a message before the last acknowledged one', replicating(4), 3],
    ['of a message that is not the one probed with', new Progress(nodeId(2), at(5), 4, 9), 2],
  ])('is not taken back by a late rejection %s', (_, progress, rejected) => {
    const { next } = progress
    expect(progress.retreat(at(rejected), at(0))).toBe(false)
    expect(progress.next).toBe(next)
  })

  test('is never probed below what it has acknowledged, whatever its hint says', () => {
    const progress = replicating(4)
    progress.becomeProbe()
    progress.next = at(8)
    expect(progress.retreat(at(7), at(0))).toBe(true)
    expect(progress.next).toBe(5)
  })

  test('goes on behind a snapshot that arrived, and from its last index when it did not', () => {
    const arrived = replicating(4)
    arrived.becomeSnapshot(at(20))
    arrived.becomeProbe()
    expect(arrived).toMatchObject({ state: 'probe', next: 21, pendingSnapshot: 0 })
    const failed = replicating(4)
    failed.becomeSnapshot(at(20))
    failed.pendingSnapshot = at(0)
    failed.becomeProbe()
    expect(failed).toMatchObject({ state: 'probe', next: 5 })
  })

  test('keeps 0 <= match < next whatever it answers', () => {
    const answer = fc.record({ reject: fc.boolean(), index: fc.nat(30), hint: fc.nat(30) })
    fc.assert(
      fc.property(fc.array(answer), answers => {
        const progress = new Progress(nodeId(2), at(15), 4, 1000)
        for (const { reject, index, hint } of answers) {
          const { match } = progress
          if (reject) progress.retreat(at(index), at(hint))
          else if (progress.advance(at(index))) progress.becomeReplicate()
          if (progress.state === 'replicate' && !progress.inflights.full) {
            progress.sent(at(progress.next + 2), 10)
          }
          progress.check()
          expect(progress.match).toBeGreaterThanOrEqual(match)
        }
      }),
    )
  })
})
