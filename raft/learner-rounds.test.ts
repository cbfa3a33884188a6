// Rounds of catching up, thesis 4.2.1, told second by second.

import { expect, test } from 'vitest'
import { LearnerRounds } from './learner-rounds.js'
import type { PeerStatus } from './core/config.js'
import { logIndex, nodeId } from './core/types.js'

const peer = (id: number, match: number, learner = true): PeerStatus => ({
  id: nodeId(id),
  state: 'replicate',
  match: logIndex(match),
  next: logIndex(match + 1),
  recentActive: true,
  inflightMessages: 0,
  inflightBytes: 0,
  pendingSnapshot: logIndex(0),
  learner,
})

/** Looks at [time, match of the learner, last entry of the leader], and says whether it keeps up. */
function watched(looks: readonly (readonly [number, number, number])[]): boolean[] {
  const rounds = new LearnerRounds(1000)
  return looks.map(([nowMs, match, last]) => {
    rounds.update([peer(2, 5, false), peer(4, match)], logIndex(last), nowMs)
    return rounds.keepsUp(nodeId(4))
  })
}

test('a learner keeps up when a round takes less than an election timeout', () => {
  expect(
    watched([
      [0, 0, 1000],
      // Five seconds for the first thousand, while five hundred came in.
      [5000, 1000, 1500],
      // Two for those.
      [7000, 1500, 1600],
      // And nine tenths for the rest.
      [7900, 1600, 1700],
    ]),
  ).toEqual([false, false, false, true])
})

test('one that falls behind again does not', () => {
  expect(
    watched([
      [0, 100, 100],
      [500, 100, 900],
      [900, 100, 950],
      [1600, 100, 990],
    ]),
  ).toEqual([true, true, true, false])
})

test('one that is not a learner, or not any more, has no rounds', () => {
  const rounds = new LearnerRounds(1000)
  rounds.update([peer(4, 9)], logIndex(9), 0)
  expect(rounds.keepsUp(nodeId(4))).toBe(true)
  rounds.update([peer(4, 9, false)], logIndex(9), 10)
  expect(rounds.keepsUp(nodeId(4))).toBe(false)
  rounds.update([peer(4, 9)], logIndex(9), 20)
  rounds.clear()
  expect(rounds.keepsUp(nodeId(4))).toBe(false)
})
