// Golden scripts of what is committed and what rests on the disk: section 5.4.2 and figure 2 of the
// paper, 10.2.1 of the thesis. The language is explained in testing/script.ts.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import { normalize, replay } from './testing/script.js'

function golden(name: string, script: string, limits: Partial<RaftConfig> = {}): void {
  test(name, () => {
    expect(replay(script, limits)).toBe(normalize(script))
  })
}

describe('commitment and durability', () => {
  golden(
    'Section 5.4.2, figure 8: an entry of an old term on a majority is not committed by counting',
    `
      > nodes 1 2 3 4 5
      # (a) 1 leads in term 1 and has its second entry on 2 alone
      > elect 1
      > partition 1 2 | 3 4 5
      > propose 1 old
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:old, commit 1
        1->3 t1 append after 1/1: 2/1:old, commit 1 (lost)
        1->4 t1 append after 1/1: 2/1:old, commit 1 (lost)
        1->5 t1 append after 1/1: 2/1:old, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
      > crash 1
      # (b) 5 is elected in term 2 by 3 and 4, and takes another entry at index 2
      > tick 3 10
      > tick 4 10
      > campaign 5
        5 is preCandidate in term 1
      > deliver
        5->1 t2 preVote? last 1/1 (lost)
        5->2 t2 preVote? last 1/1 (lost)
        5->3 t2 preVote? last 1/1
        5->4 t2 preVote? last 1/1
      > deliver
        3->5 t2 preVote yes
        4->5 t2 preVote yes
        5 is candidate in term 2
        5 wrote term 2 vote 5 commit 1
      > deliver
        5->1 t2 vote? last 1/1 (lost)
        5->2 t2 vote? last 1/1 (lost)
        5->3 t2 vote? last 1/1
        5->4 t2 vote? last 1/1
        3 is follower in term 2
        3 wrote term 2 vote 5 commit 1
        4 is follower in term 2
        4 wrote term 2 vote 5 commit 1
      > deliver
        3->5 t2 vote yes
        4->5 t2 vote yes
        5 is leader in term 2
        5 wrote 2/2
      > forget
      > crash 5
      # (c) 1 is elected in term 3 by 2 and 3, and the old entry reaches a majority; its noop does not
      > heal
      > partition 4 5 | 1 2 3
      > restart 1
      > restart 5
      > tick 2 10
      > elect 1
      > campaign 1
        1 is preCandidate in term 2
      > deliver
        1->2 t3 preVote? last 2/1
        1->3 t3 preVote? last 2/1
        1->4 t3 preVote? last 2/1 (lost)
        1->5 t3 preVote? last 2/1 (lost)
      > deliver
        2->1 t3 preVote yes
        3->1 t3 preVote yes
        1 is candidate in term 3
        1 wrote term 3 vote 1 commit 1
      > deliver
        1->2 t3 vote? last 2/1
        1->3 t3 vote? last 2/1
        1->4 t3 vote? last 2/1 (lost)
        1->5 t3 vote? last 2/1 (lost)
        2 is follower in term 3
        2 wrote term 3 vote 1 commit 1
        3 is follower in term 3
        3 wrote term 3 vote 1 commit 1
      > deliver
        2->1 t3 vote yes
        3->1 t3 vote yes
        1 is leader in term 3
        1 wrote 3/3
      > deliver
        1->2 t3 append after 2/1: 3/3:noop, commit 1
        1->3 t3 append after 2/1: 3/3:noop, commit 1
        1->4 t3 append after 2/1: 3/3:noop, commit 1 (lost)
        1->5 t3 append after 2/1: 3/3:noop, commit 1 (lost)
        2 is follower of 1 in term 3
        2 wrote 3/3
        3 is follower of 1 in term 3
      > deliver
        2->1 t3 ack 3
        3->1 t3 reject 2, try 1/1
      > drop 1->2
      > deliver
        1->3 t3 append after 1/1: 2/1:old, commit 1
        3 wrote 2/1
      > deliver
        3->1 t3 ack 2
      > forget
      > status
        1 leader term 3 commit 1 applied 1 last 3
        2 follower term 3 commit 1 applied 1 last 3
        3 follower term 3 commit 1 applied 1 last 2
        4 follower term 2 commit 1 applied 1 last 1
        5 follower term 2 commit 1 applied 1 last 2
      > logs
        1: 1/1 2/1 3/3
        2: 1/1 2/1 3/3
        3: 1/1 2/1
        4: 1/1
        5: 1/1 2/2
      # (d) so 5 may still be elected, and its entry replaces the old one everywhere
      > crash 1
      > heal
      > tick 2 10
      > tick 3 10
      > tick 4 10
      > elect 5
      > elect 5
      > stabilize
      > status
        1 leader term 3 commit 1 applied 1 last 3
        2 follower term 4 commit 3 applied 3 last 3
        3 follower term 4 commit 3 applied 3 last 3
        4 follower term 4 commit 3 applied 3 last 3
        5 leader term 4 commit 3 applied 3 last 3
      > logs
        1: 1/1 2/1 3/3
        2: 1/1 2/2 3/4
        3: 1/1 2/2 3/4
        4: 1/1 2/2 3/4
        5: 1/1 2/2 3/4
    `,
    { entriesBytesMaxPerMessage: 1, inflightMessagesMax: 1 },
  )

  golden(
    'Section 5.4.2: a new leader commits entries of old terms together with its own noop',
    `
      > nodes 1 2 3
      > elect 1
      > hold 2
      > hold 3
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > deliver
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
      > crash 1
      > flow 2
        2 wrote term 1 vote 1 commit 1, 2/1
      > flow 3
        3 wrote term 1 vote 1 commit 1, 2/1
      > status
        1 leader term 1 commit 1 applied 1 last 2
        2 follower term 1 commit 1 applied 1 last 2
        3 follower term 1 commit 1 applied 1 last 2
      > tick 3 10
      > campaign 2
        2 is preCandidate in term 1
      > stabilize
        2->1 t1 ack 2 (lost)
        3->1 t1 ack 2 (lost)
        2->1 t2 preVote? last 2/1 (lost)
        2->3 t2 preVote? last 2/1
        3->2 t2 preVote yes
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 1
        2->1 t2 vote? last 2/1 (lost)
        2->3 t2 vote? last 2/1
        3 is follower in term 2
        3 wrote term 2 vote 2 commit 1
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 3/2
        2->1 t2 append after 2/1: 3/2:noop, commit 1 (lost)
        2->3 t2 append after 2/1: 3/2:noop, commit 1
        3 is follower of 2 in term 2
        3 wrote 3/2
        3->2 t2 ack 3
        2 applies 2:x
        2->3 t2 append after 3/2: nothing, commit 3
        3 applies 2:x
        3->2 t2 ack 3
      > status
        1 leader term 1 commit 1 applied 1 last 2
        2 leader term 2 commit 3 applied 3 last 3
        3 follower term 2 commit 3 applied 3 last 3
    `,
  )

  golden(
    'Thesis 10.2.1: the leader sends before its own disk answers, and counts itself only afterwards',
    `
      > nodes 1 2 3
      > elect 1
      > hold 1
      > drop 1->3
      > propose 1 x
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1 (lost)
        2 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
      > status
        1 leader term 1 commit 1 applied 1 last 2
        2 follower term 1 commit 1 applied 1 last 2
        3 follower term 1 commit 1 applied 1 last 1
      > write 1
        1 wrote term 1 vote 1 commit 1, 2/1
        1 applies 2:x
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 follower term 1 commit 1 applied 1 last 2
        3 follower term 1 commit 1 applied 1 last 1
    `,
  )

  golden(
    'Thesis 10.2.1: followers commit for a leader whose disk stalls, and it applies only what it has',
    `
      > nodes 1 2 3
      > elect 1
      > hold 1
      > propose 1 x
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
        2 wrote term 1 vote 1 commit 1, 2/1
        3 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        3->1 t1 ack 2
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        3 applies 2:x
        2->1 t1 ack 2
        3->1 t1 ack 2
      > status
        1 leader term 1 commit 2 applied 1 last 2
        2 follower term 1 commit 2 applied 2 last 2
        3 follower term 1 commit 2 applied 2 last 2
      > write 1
        1 wrote term 1 vote 1 commit 1, 2/1
        1 applies 2:x
    `,
  )

  golden(
    'Figure 2: votes and acknowledgements wait for the disk',
    `
      > nodes 1 2 3
      > hold 2
      > drop 1->3
      > campaign 1
        1 is preCandidate in term 0
      > stabilize
        1->2 t1 preVote? last 0/0
        1->3 t1 preVote? last 0/0 (lost)
        2->1 t1 preVote yes
        1 is candidate in term 1
        1 wrote term 1 vote 1 commit 0
        1->2 t1 vote? last 0/0
        1->3 t1 vote? last 0/0 (lost)
        2 is follower in term 1
      > write 2
        2 wrote term 1 vote 1 commit 0
      > stabilize
        2->1 t1 vote yes
        1 is leader in term 1
        1 wrote 1/1
        1->2 t1 append after 0/0: 1/1:noop, commit 0
        1->3 t1 append after 0/0: 1/1:noop, commit 0 (lost)
        2 is follower of 1 in term 1
      > write 2
        2 wrote 1/1
      > propose 1 x
        1 wrote 2/1
      > deliver
        2->1 t1 ack 1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
      > status
        1 leader term 1 commit 1 applied 1 last 2
        2 follower term 1 commit 1 applied 1 last 2
        3 follower term 0 commit 0 applied 0 last 0
      > write 2
        2 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        2->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        2->1 t1 ack 2
      > status
        1 leader term 1 commit 2 applied 2 last 2
        2 follower term 1 commit 2 applied 2 last 2
        3 follower term 0 commit 0 applied 0 last 0
    `,
  )

  golden(
    'Figure 2: what was acknowledged survives a crash, and what was not is fetched again',
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
      > hold 3
      > propose 1 y
        1 wrote term 1 vote 1 commit 2, 3/1
      > stabilize
        1->2 t1 append after 2/1: 3/1:y, commit 2
        1->3 t1 append after 2/1: 3/1:y, commit 2
        2 wrote term 1 vote 1 commit 2, 3/1
        2->1 t1 ack 3
        1 applies 3:y
        1->2 t1 append after 3/1: nothing, commit 3
        1->3 t1 append after 3/1: nothing, commit 3
        2 applies 3:y
        2->1 t1 ack 3
      > crash 3
      > restart 3
        3 applies 2:x
      > status
        1 leader term 1 commit 3 applied 3 last 3
        2 follower term 1 commit 3 applied 3 last 3
        3 follower term 1 commit 2 applied 2 last 2
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 3, round 0
        1->3 t1 heartbeat, commit 2, round 0
        3 is follower of 1 in term 1
        2->1 t1 heard, round 0
        3->1 t1 heard, round 0
        1->3 t1 append after 3/1: nothing, commit 3
        3->1 t1 reject 3, try 2/1
        1->3 t1 append after 2/1: 3/1:y, commit 3
      > flow 3
        3 wrote 3/1
        3 applies 3:y
      > stabilize
        3->1 t1 ack 3
      > status
        1 leader term 1 commit 3 applied 3 last 3
        2 follower term 1 commit 3 applied 3 last 3
        3 follower term 1 commit 3 applied 3 last 3
    `,
  )
})
