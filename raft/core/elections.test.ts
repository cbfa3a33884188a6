// Golden scripts of leader election: sections 5.2 and 5.4.1 of the paper, and of the thesis PreVote,
// CheckQuorum and transfer. The language is explained in testing/script.ts.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import { normalize, replay } from './testing/script.js'

function golden(name: string, script: string, limits: Partial<RaftConfig> = {}): void {
  test(name, () => {
    expect(replay(script, limits)).toBe(normalize(script))
  })
}

describe('leader election', () => {
  golden(
    'Section 5.2: a follower that hears nobody campaigns, wins with a majority and commits a noop',
    `
      > nodes 1 2 3
      > campaign 1
        1 is preCandidate in term 0
      > stabilize
        1->2 t1 preVote? last 0/0
        1->3 t1 preVote? last 0/0
        2->1 t1 preVote yes
        3->1 t1 preVote yes
        1 is candidate in term 1
        1 wrote term 1 vote 1 commit 0
        1->2 t1 vote? last 0/0
        1->3 t1 vote? last 0/0
        2 is follower in term 1
        2 wrote term 1 vote 1 commit 0
        3 is follower in term 1
        3 wrote term 1 vote 1 commit 0
        2->1 t1 vote yes
        3->1 t1 vote yes
        1 is leader in term 1
        1 wrote 1/1
        1->2 t1 append after 0/0: 1/1:noop, commit 0
        1->3 t1 append after 0/0: 1/1:noop, commit 0
        2 is follower of 1 in term 1
        2 wrote 1/1
        3 is follower of 1 in term 1
        3 wrote 1/1
        2->1 t1 ack 1
        3->1 t1 ack 1
        1->2 t1 append after 1/1: nothing, commit 1
        1->3 t1 append after 1/1: nothing, commit 1
        2->1 t1 ack 1
        3->1 t1 ack 1
      > status
        1 leader term 1 commit 1 applied 1 last 1
        2 follower term 1 commit 1 applied 1 last 1
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )

  golden(
    'Section 5.2: without a majority nobody is elected, and PreVote keeps the term',
    `
      > nodes 1 2 3
      > partition 1 | 2 3
      > campaign 1
        1 is preCandidate in term 0
      > campaign 1
      > stabilize
        1->2 t1 preVote? last 0/0 (lost)
        1->3 t1 preVote? last 0/0 (lost)
        1->2 t1 preVote? last 0/0 (lost)
        1->3 t1 preVote? last 0/0 (lost)
      > status
        1 preCandidate term 0 commit 0 applied 0 last 0
        2 follower term 0 commit 0 applied 0 last 0
        3 follower term 0 commit 0 applied 0 last 0
    `,
  )

  golden(
    'Section 5.2: a split vote elects nobody, and a later campaign decides',
    `
      > nodes 1 2 3 4
      > campaign 1
        1 is preCandidate in term 0
      > campaign 2
        2 is preCandidate in term 0
      > deliver
        1->2 t1 preVote? last 0/0
        1->3 t1 preVote? last 0/0
        1->4 t1 preVote? last 0/0
        2->1 t1 preVote? last 0/0
        2->3 t1 preVote? last 0/0
        2->4 t1 preVote? last 0/0
      > deliver
        1->2 t1 preVote yes
        2->1 t1 preVote yes
        3->1 t1 preVote yes
        3->2 t1 preVote yes
        4->1 t1 preVote yes
        4->2 t1 preVote yes
        1 is candidate in term 1
        1 wrote term 1 vote 1 commit 0
        2 is candidate in term 1
        2 wrote term 1 vote 2 commit 0
      > drop 1->4
      > drop 2->3
      > stabilize
        1->2 t1 vote? last 0/0
        1->3 t1 vote? last 0/0
        1->4 t1 vote? last 0/0 (lost)
        2->1 t1 vote? last 0/0
        2->3 t1 vote? last 0/0 (lost)
        2->4 t1 vote? last 0/0
        3 is follower in term 1
        3 wrote term 1 vote 1 commit 0
        4 is follower in term 1
        4 wrote term 1 vote 2 commit 0
        1->2 t1 vote no
        2->1 t1 vote no
        3->1 t1 vote yes
        4->2 t1 vote yes
      > status
        1 candidate term 1 commit 0 applied 0 last 0
        2 candidate term 1 commit 0 applied 0 last 0
        3 follower term 1 commit 0 applied 0 last 0
        4 follower term 1 commit 0 applied 0 last 0
      > heal
      > campaign 1
        1 is preCandidate in term 1
      > stabilize
        1->2 t2 preVote? last 0/0
        1->3 t2 preVote? last 0/0
        1->4 t2 preVote? last 0/0
        2->1 t2 preVote yes
        3->1 t2 preVote yes
        4->1 t2 preVote yes
        1 is candidate in term 2
        1 wrote term 2 vote 1 commit 0
        1->2 t2 vote? last 0/0
        1->3 t2 vote? last 0/0
        1->4 t2 vote? last 0/0
        2 is follower in term 2
        2 wrote term 2 vote 1 commit 0
        3 is follower in term 2
        3 wrote term 2 vote 1 commit 0
        4 is follower in term 2
        4 wrote term 2 vote 1 commit 0
        2->1 t2 vote yes
        3->1 t2 vote yes
        4->1 t2 vote yes
        1 is leader in term 2
        1 wrote 1/2
        1->2 t2 append after 0/0: 1/2:noop, commit 0
        1->3 t2 append after 0/0: 1/2:noop, commit 0
        1->4 t2 append after 0/0: 1/2:noop, commit 0
        2 is follower of 1 in term 2
        2 wrote 1/2
        3 is follower of 1 in term 2
        3 wrote 1/2
        4 is follower of 1 in term 2
        4 wrote 1/2
        2->1 t2 ack 1
        3->1 t2 ack 1
        4->1 t2 ack 1
        1->2 t2 append after 1/2: nothing, commit 1
        1->3 t2 append after 1/2: nothing, commit 1
        1->4 t2 append after 1/2: nothing, commit 1
        2->1 t2 ack 1
        3->1 t2 ack 1
        4->1 t2 ack 1
      > status
        1 leader term 2 commit 1 applied 1 last 1
        2 follower term 2 commit 1 applied 1 last 1
        3 follower term 2 commit 1 applied 1 last 1
        4 follower term 2 commit 1 applied 1 last 1
    `,
  )

  golden(
    'Section 5.2: a candidate that hears of the leader of its term follows it',
    `
      > nodes 1 2 3
      > campaign 1
        1 is preCandidate in term 0
      > campaign 3
        3 is preCandidate in term 0
      > deliver
        1->2 t1 preVote? last 0/0
        1->3 t1 preVote? last 0/0
        3->1 t1 preVote? last 0/0
        3->2 t1 preVote? last 0/0
      > deliver
        1->3 t1 preVote yes
        2->1 t1 preVote yes
        2->3 t1 preVote yes
        3->1 t1 preVote yes
        1 is candidate in term 1
        1 wrote term 1 vote 1 commit 0
        3 is candidate in term 1
        3 wrote term 1 vote 3 commit 0
      > deliver
        1->2 t1 vote? last 0/0
        1->3 t1 vote? last 0/0
        3->1 t1 vote? last 0/0
        3->2 t1 vote? last 0/0
        2 is follower in term 1
        2 wrote term 1 vote 1 commit 0
      > stabilize
        1->3 t1 vote no
        2->1 t1 vote yes
        2->3 t1 vote no
        3->1 t1 vote no
        1 is leader in term 1
        1 wrote 1/1
        3 is follower in term 1
        1->2 t1 append after 0/0: 1/1:noop, commit 0
        1->3 t1 append after 0/0: 1/1:noop, commit 0
        2 is follower of 1 in term 1
        2 wrote 1/1
        3 is follower of 1 in term 1
        3 wrote 1/1
        2->1 t1 ack 1
        3->1 t1 ack 1
        1->2 t1 append after 1/1: nothing, commit 1
        1->3 t1 append after 1/1: nothing, commit 1
        2->1 t1 ack 1
        3->1 t1 ack 1
      > status
        1 leader term 1 commit 1 applied 1 last 1
        2 follower term 1 commit 1 applied 1 last 1
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )

  golden(
    'Section 5.4.1: a voter refuses a candidate whose log is behind its own',
    `
      > nodes 1 2 3
      > elect 1
      > drop 1->3
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2 (lost)
        2 applies 2:x
        2->1 t1 ack 2
      > crash 1
      > tick 2 10
      > campaign 3
        3 is preCandidate in term 1
      > stabilize
        3->1 t2 preVote? last 1/1 (lost)
        3->2 t2 preVote? last 1/1
        2->3 t1 preVote no
      > campaign 2
        2 is preCandidate in term 1
      > stabilize
        2->1 t2 preVote? last 2/1 (lost)
        2->3 t2 preVote? last 2/1
        3->2 t2 preVote yes
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 2
        2->1 t2 vote? last 2/1 (lost)
        2->3 t2 vote? last 2/1
        3 is follower in term 2
        3 wrote term 2 vote 2 commit 1
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 3/2
        2->1 t2 append after 2/1: 3/2:noop, commit 2 (lost)
        2->3 t2 append after 2/1: 3/2:noop, commit 2
        3 is follower of 2 in term 2
        3->2 t2 reject 2, try 1/1
        2->3 t2 append after 1/1: 2/1:x 3/2:noop, commit 2
        3 wrote 2/1 3/2
        3 applies 2:x
        3->2 t2 ack 3
        2->3 t2 append after 3/2: nothing, commit 3
        3->2 t2 ack 3
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 leader term 2 commit 3 applied 3 last 3
        3 follower term 2 commit 3 applied 3 last 3
    `,
  )

  golden(
    'Thesis 3.10: leadership is handed over at once to a follower with the whole log',
    `
      > nodes 1 2 3
      > elect 1
      > transfer 3 2
      > deliver
        3->1 t1 transfer to 2
      > propose 1 x
        1 refused proposal 1: transferring
      > stabilize
        1->2 t1 take over now
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 1
        2->1 t2 vote? forced last 1/1
        2->3 t2 vote? forced last 1/1
        1 is follower in term 2
        1 wrote term 2 vote 2 commit 1
        3 is follower in term 2
        3 wrote term 2 vote 2 commit 1
        1->2 t2 vote yes
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 2/2
        2->1 t2 append after 1/1: 2/2:noop, commit 1
        2->3 t2 append after 1/1: 2/2:noop, commit 1
        1 is follower of 2 in term 2
        1 wrote 2/2
        3 is follower of 2 in term 2
        3 wrote 2/2
        1->2 t2 ack 2
        3->2 t2 ack 2
        2->1 t2 append after 2/2: nothing, commit 2
        2->3 t2 append after 2/2: nothing, commit 2
        1->2 t2 ack 2
        3->2 t2 ack 2
      > status
        1 follower term 2 commit 2 applied 2 last 2
        2 leader term 2 commit 2 applied 2 last 2
        3 follower term 2 commit 2 applied 2 last 2
    `,
  )

  golden(
    'Thesis 3.10: a transfer ends after an election timeout, and proposals are taken again',
    `
      > nodes 1 2 3
      > elect 1
      > drop 1->2
      > transfer 1 2
      > propose 1 x
        1 refused proposal 1: transferring
      > tick 1 9
      > propose 1 y
        1 refused proposal 2: transferring
      > forget
      > tick 1
      > propose 1 z
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 heartbeat, commit 1, round 0 (lost)
        1->3 t1 heartbeat, commit 1, round 0
        1->2 t1 append after 1/1: 2/1:z, commit 1 (lost)
        1->3 t1 append after 1/1: 2/1:z, commit 1
        3 wrote term 1 vote 1 commit 1, 2/1
        3->1 t1 heard, round 0
        3->1 t1 ack 2
        1 applies 2:z
        1->2 t1 append after 2/1: nothing, commit 2 (lost)
        1->3 t1 append after 2/1: nothing, commit 2
        3 applies 2:z
        3->1 t1 ack 2
    `,
  )

  golden(
    'Thesis 6.2: a leader cut off from the majority steps down after an election timeout',
    `
      > nodes 1 2 3
      > elect 1
      > partition 1 | 2 3
      > tick 1 10
      > forget
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > read 1 7
      > tick 1 10
        1 is follower in term 1
        1 read 7 refused
      > read 1 8
        1 read 8 refused
      > propose 1 y
        1 refused proposal 2: no-leader
      > status
        1 follower term 1 commit 1 applied 1 last 2
        2 follower term 1 commit 1 applied 1 last 1
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )

  golden(
    'Thesis 9.6 and 4.2.3: a node that comes back from a partition disturbs nobody',
    `
      > nodes 1 2 3
      > elect 1
      > partition 3 | 1 2
      > campaign 3
        3 is preCandidate in term 1
      > campaign 3
      > stabilize
        3->1 t2 preVote? last 1/1 (lost)
        3->2 t2 preVote? last 1/1 (lost)
        3->1 t2 preVote? last 1/1 (lost)
        3->2 t2 preVote? last 1/1 (lost)
      > heal
      > campaign 3
      > stabilize
        3->1 t2 preVote? last 1/1
        3->2 t2 preVote? last 1/1
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 1, round 0
        1->3 t1 heartbeat, commit 1, round 0
        3 is follower of 1 in term 1
        2->1 t1 heard, round 0
        3->1 t1 heard, round 0
      > status
        1 leader term 1 commit 1 applied 1 last 1
        2 follower term 1 commit 1 applied 1 last 1
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )
})
