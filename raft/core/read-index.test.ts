// Golden scripts of linearizable reads: section 8 of the paper, 6.4 of the thesis. The language is
// explained in testing/script.ts.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import { normalize, replay } from './testing/script.js'

function golden(name: string, script: string, limits: Partial<RaftConfig> = {}): void {
  test(name, () => {
    expect(replay(script, limits)).toBe(normalize(script))
  })
}

describe('linearizable reads', () => {
  golden(
    'Section 8 and thesis 6.4: reads of one turn share a round of heartbeats, and followers ask the leader',
    `
      > nodes 1 2 3
      > elect 1
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
        2 wrote term 1 vote 1 commit 1, 2/1
        3 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        3->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        3 applies 2:x
        2->1 t1 ack 2
        3->1 t1 ack 2
      > read 1 7 8
      > read 3 9
      > stabilize
        1->2 t1 heartbeat, commit 2, round 1
        1->3 t1 heartbeat, commit 2, round 1
        3->1 t1 read 9?
        1->2 t1 heartbeat, commit 2, round 2
        1->3 t1 heartbeat, commit 2, round 2
        2->1 t1 heard, round 1
        3->1 t1 heard, round 1
        1 read 7 served at 2
        1 read 8 served at 2
        2->1 t1 heard, round 2
        3->1 t1 heard, round 2
        1->3 t1 read 9 at 2
        3 read 9 served at 2
    `,
  )

  golden(
    'Thesis 6.4: a leader that was replaced without knowing it serves no read',
    `
      > nodes 1 2 3
      > elect 1
      > partition 1 | 2 3
      > tick 3 10
      > elect 2
      > propose 2 new
        2 wrote term 2 vote 2 commit 2, 3/2
      > stabilize
        2->3 t2 append after 2/2: 3/2:new, commit 2
        3 wrote term 2 vote 2 commit 2, 3/2
        3->2 t2 ack 3
        2 applies 3:new
        2->3 t2 append after 3/2: nothing, commit 3
        3 applies 3:new
        3->2 t2 ack 3
      > read 1 7
      > stabilize
        1->2 t1 heartbeat, commit 1, round 1 (lost)
        1->3 t1 heartbeat, commit 1, round 1 (lost)
      > heal
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 1, round 1
        1->3 t1 heartbeat, commit 1, round 1
        2->1 t2 reject 0, try 0/0
        3->1 t2 reject 0, try 0/0
        1 is follower in term 2
        1 read 7 refused
        1 wrote term 2 vote 0 commit 1
    `,
  )

  golden(
    'Section 8: a new leader serves no read before it has committed an entry of its term',
    `
      > nodes 1 2 3
      > elect 1
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
        2 wrote term 1 vote 1 commit 1, 2/1
        3 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        3->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        3 applies 2:x
        2->1 t1 ack 2
        3->1 t1 ack 2
      > crash 1
      > tick 3 10
      > hold 3
      > campaign 2
        2 is preCandidate in term 1
      > deliver
        2->1 t2 preVote? last 2/1 (lost)
        2->3 t2 preVote? last 2/1
      > deliver
        3->2 t2 preVote yes
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 2
      > deliver
        2->1 t2 vote? last 2/1 (lost)
        2->3 t2 vote? last 2/1
        3 is follower in term 2
      > write 3
        3 wrote term 2 vote 2 commit 2
      > deliver
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 3/2
      > read 2 7
      > stabilize
        2->1 t2 append after 2/1: 3/2:noop, commit 2 (lost)
        2->3 t2 append after 2/1: 3/2:noop, commit 2
        3 is follower of 2 in term 2
      > flow 3
        3 wrote 3/2
      > stabilize
        3->2 t2 ack 3
        2->1 t2 heartbeat, commit 0, round 1 (lost)
        2->3 t2 heartbeat, commit 3, round 1
        2->3 t2 append after 3/2: nothing, commit 3
        3->2 t2 heard, round 1
        3->2 t2 ack 3
        2 read 7 served at 3
    `,
  )
})
