// Golden scripts of log replication: sections 5.3 and 7 of the paper, forwarding and learners. The
// language is explained in testing/script.ts.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import { normalize, replay } from './testing/script.js'

function golden(name: string, script: string, limits: Partial<RaftConfig> = {}): void {
  test(name, () => {
    expect(replay(script, limits)).toBe(normalize(script))
  })
}

describe('log replication', () => {
  golden(
    'Section 5.3: entries are committed once a majority has them, and followers learn it',
    `
      > nodes 1 2 3
      > elect 1
      > drop 1->3
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > deliver
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1
      > deliver
        2->1 t1 ack 2
        1 applies 2:x
      > deliver
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2 (lost)
        2 applies 2:x
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 follower term 1 commit 2 applied 2 last 2
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )

  golden(
    "Section 5.3: a deposed leader's uncommitted entries are replaced by those of the new leader",
    `
      > nodes 1 2 3
      > elect 1
      > partition 1 | 2 3
      > propose 1 lost gone
        1 wrote term 1 vote 1 commit 1, 2/1 3/1
      > tick 3 10
      > campaign 2
        2 is preCandidate in term 1
      > stabilize
        1->2 t1 append after 1/1: 2/1:lost 3/1:gone, commit 1 (lost)
        1->3 t1 append after 1/1: 2/1:lost 3/1:gone, commit 1 (lost)
        2->1 t2 preVote? last 1/1 (lost)
        2->3 t2 preVote? last 1/1
        3->2 t2 preVote yes
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 1
        2->1 t2 vote? last 1/1 (lost)
        2->3 t2 vote? last 1/1
        3 is follower in term 2
        3 wrote term 2 vote 2 commit 1
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 2/2
        2->1 t2 append after 1/1: 2/2:noop, commit 1 (lost)
        2->3 t2 append after 1/1: 2/2:noop, commit 1
        3 is follower of 2 in term 2
        3 wrote 2/2
        3->2 t2 ack 2
        2->3 t2 append after 2/2: nothing, commit 2
        3->2 t2 ack 2
      > propose 2 kept
        2 wrote term 2 vote 2 commit 2, 3/2
      > stabilize
        2->3 t2 append after 2/2: 3/2:kept, commit 2
        3 wrote term 2 vote 2 commit 2, 3/2
        3->2 t2 ack 3
        2 applies 3:kept
        2->3 t2 append after 3/2: nothing, commit 3
        3 applies 3:kept
        3->2 t2 ack 3
      > heal
      > tick 2
      > stabilize
        2->1 t2 heartbeat, commit 0, round 0
        2->3 t2 heartbeat, commit 3, round 0
        1 is follower of 2 in term 2
        1 wrote term 2 vote 0 commit 1
        1->2 t2 heard, round 0
        3->2 t2 heard, round 0
        2->1 t2 append after 1/1: 2/2:noop 3/2:kept, commit 3
        1 wrote 2/2 3/2
        1 applies 3:kept
        1->2 t2 ack 3
      > logs
        1: 1/1 2/2 3/2
        2: 1/1 2/2 3/2
        3: 1/1 2/2 3/2
      > status
        1 follower term 2 commit 3 applied 3 last 3
        2 leader term 2 commit 3 applied 3 last 3
        3 follower term 2 commit 3 applied 3 last 3
    `,
  )

  golden(
    'Section 5.3: a leader finds the place where logs agree a term at a time, not an entry at a time',
    `
      > nodes 1 2 3
      > elect 1
      > partition 1 | 2 3
      > propose 1 a b c d e f
        1 wrote term 1 vote 1 commit 1, 2/1 3/1 4/1 5/1 6/1 7/1
      > forget
      > tick 3 10
      > elect 2
      > propose 2 p q r s t u v
        2 wrote term 2 vote 2 commit 2, 3/2 4/2 5/2 6/2 7/2 8/2 9/2
      > stabilize
        2->3 t2 append after 2/2: 3/2:p 4/2:q 5/2:r 6/2:s 7/2:t 8/2:u 9/2:v, commit 2
        3 wrote term 2 vote 2 commit 2, 3/2 4/2 5/2 6/2 7/2 8/2 9/2
        3->2 t2 ack 9
        2 applies 3:p 4:q 5:r 6:s 7:t 8:u 9:v
        2->3 t2 append after 9/2: nothing, commit 9
        3 applies 3:p 4:q 5:r 6:s 7:t 8:u 9:v
        3->2 t2 ack 9
      > crash 2
      > tick 1 20
        1 is follower in term 1
      > forget
      > heal
      > campaign 3
        3 is preCandidate in term 2
      > stabilize
        3->1 t3 preVote? last 9/2
        3->2 t3 preVote? last 9/2 (lost)
        1->3 t3 preVote yes
        3 is candidate in term 3
        3 wrote term 3 vote 3 commit 9
        3->1 t3 vote? last 9/2
        3->2 t3 vote? last 9/2 (lost)
        1 is follower in term 3
        1 wrote term 3 vote 3 commit 1
        1->3 t3 vote yes
        3 is leader in term 3
        3 wrote 10/3
        3->1 t3 append after 9/2: 10/3:noop, commit 9
        3->2 t3 append after 9/2: 10/3:noop, commit 9 (lost)
        1 is follower of 3 in term 3
        1->3 t3 reject 9, try 7/1
        3->1 t3 append after 1/1: 2/2:noop 3/2:p 4/2:q 5/2:r 6/2:s 7/2:t 8/2:u 9/2:v 10/3:noop, commit 9
        1 wrote 2/2 3/2 4/2 5/2 6/2 7/2 8/2 9/2 10/3
        1 applies 3:p 4:q 5:r 6:s 7:t 8:u 9:v
        1->3 t3 ack 10
        3->1 t3 append after 10/3: nothing, commit 10
        1->3 t3 ack 10
      > logs
        1: 1/1 2/2 3/2 4/2 5/2 6/2 7/2 8/2 9/2 10/3
        2: 1/1 2/2 3/2 4/2 5/2 6/2 7/2 8/2 9/2
        3: 1/1 2/2 3/2 4/2 5/2 6/2 7/2 8/2 9/2 10/3
    `,
  )

  golden(
    'Section 5.3: a message that was lost is sent again after the next heartbeat',
    `
      > nodes 1 2 3
      > elect 1
      > drop 1->3
      > propose 1 a
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:a, commit 1
        1->3 t1 append after 1/1: 2/1:a, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        1 applies 2:a
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2 (lost)
        2 applies 2:a
        2->1 t1 ack 2
      > heal
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 2, round 0
        1->3 t1 heartbeat, commit 1, round 0
        2->1 t1 heard, round 0
        3->1 t1 heard, round 0
        1->3 t1 append after 2/1: nothing, commit 2
        3->1 t1 reject 2, try 1/1
        1->3 t1 append after 1/1: 2/1:a, commit 2
        3 wrote term 1 vote 1 commit 1, 2/1
        3 applies 2:a
        3->1 t1 ack 2
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 follower term 1 commit 2 applied 2 last 2
        3 follower term 1 commit 2 applied 2 last 2
    `,
  )

  golden(
    'Section 7: a follower that needs compacted entries gets a snapshot, then entries',
    `
      > nodes 1 2 3
      > elect 1
      > crash 3
      > propose 1 a b c
        1 wrote term 1 vote 1 commit 1, 2/1 3/1 4/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:a 3/1:b 4/1:c, commit 1
        1->3 t1 append after 1/1: 2/1:a 3/1:b 4/1:c, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1 3/1 4/1
        2->1 t1 ack 4
        1 applies 2:a 3:b 4:c
        1->2 t1 append after 4/1: nothing, commit 4
        1->3 t1 append after 4/1: nothing, commit 4 (lost)
        2 applies 2:a 3:b 4:c
        2->1 t1 ack 4
      > compact 1 4
      > restart 3
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 4, round 0
        1->3 t1 heartbeat, commit 1, round 0
        3 is follower of 1 in term 1
        2->1 t1 heard, round 0
        3->1 t1 heard, round 0
        1->3 t1 append after 4/1: nothing, commit 4
        3->1 t1 reject 4, try 1/1
        1->3 t1 snapshot 4/1
        3 wrote snapshot 4/1
        3->1 t1 ack 4
        1->3 t1 append after 4/1: nothing, commit 4
        3->1 t1 ack 4
      > propose 1 d
        1 wrote term 1 vote 1 commit 4, 5/1
      > stabilize
        1->2 t1 append after 4/1: 5/1:d, commit 4
        1->3 t1 append after 4/1: 5/1:d, commit 4
        2 wrote term 1 vote 1 commit 4, 5/1
        3 wrote term 1 vote 1 commit 4, 5/1
        2->1 t1 ack 5
        3->1 t1 ack 5
        1 applies 5:d
        1->2 t1 append after 5/1: nothing, commit 5
        1->3 t1 append after 5/1: nothing, commit 5
        2 applies 5:d
        3 applies 5:d
        2->1 t1 ack 5
        3->1 t1 ack 5
      > status
        1 leader term 1 commit 5 applied 5 last 5
        2 follower term 1 commit 5 applied 5 last 5
        3 follower term 1 commit 5 applied 5 last 5
    `,
  )

  golden(
    'Client interaction: a follower forwards proposals, and they are refused where nobody leads',
    `
      > nodes 1 2 3
      > propose 2 early
        2 refused proposal 1: no-leader
      > elect 1
      > propose 2 x
      > stabilize
        2->1 t1 propose x
        1 wrote term 1 vote 1 commit 1, 2/1
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
    `,
  )

  golden(
    'Learners: a learner gets entries but counts for no quorum',
    `
      > nodes 1 learners 2
      > elect 1
      > drop 1->2
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
        1 applies 2:x
      > heal
      > tick 1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->2 t1 append after 2/1: nothing, commit 2
        1->2 t1 heartbeat, commit 1, round 0
        2 wrote term 1 vote 0 commit 1, 2/1
        2 applies 2:x
        2->1 t1 heard, round 0
        2->1 t1 ack 2
        2->1 t1 ack 2
        1->2 t1 append after 2/1: nothing, commit 2
        2->1 t1 ack 2
      > campaign 2
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 follower term 1 commit 2 applied 2 last 2
    `,
  )
})
