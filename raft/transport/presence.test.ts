// Whether a refused connection tells that a peer has ended: by what came in from it meanwhile.

import { expect, test } from 'vitest'
import { nodeId } from '../core/types.js'
import { Presence } from './presence.js'

const [two, three] = [nodeId(2), nodeId(3)]

type Event = 'arrives' | 'leaves' | 'we try'

test.each<[string, readonly Event[], boolean]>([
  ['it was never there', ['we try'], true],
  ['it had left before', ['arrives', 'leaves', 'we try'], true],
  ['it is there', ['arrives', 'we try'], false],
  ['it left while we tried', ['arrives', 'we try', 'leaves'], false],
  ['it came while we tried', ['we try', 'arrives'], false],
  ['it came and went while we tried', ['we try', 'arrives', 'leaves'], false],
  ['one of its two links has ended', ['arrives', 'arrives', 'leaves', 'we try'], false],
  ['both have', ['arrives', 'arrives', 'leaves', 'leaves', 'we try'], true],
  ['we tried again since', ['we try', 'arrives', 'leaves', 'we try'], true],
])('%s', (_story, events, absent) => {
  const presence = new Presence(() => {})
  presence.arrived(three)
  let begun: number | null = null
  for (const event of events) {
    if (event === 'arrives') presence.arrived(two)
    else if (event === 'leaves') presence.left(two)
    else begun = presence.begin(two)
  }
  expect(presence.wasAbsentSince(two, begun)).toBe(absent)
  expect(presence.wasAbsentSince(three, presence.begin(three))).toBe(false)
})

test('who has closed the last of its links has left', () => {
  const left: number[] = []
  const presence = new Presence(peer => left.push(peer))
  presence.arrived(two)
  presence.arrived(two)
  presence.left(two)
  expect(left).toEqual([])
  presence.left(two)
  expect(left).toEqual([2])
})
